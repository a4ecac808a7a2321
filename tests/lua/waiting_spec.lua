-- What a user is told when the trainer waits for data.
local waiting = require 'avcl.waiting'

local function event(wait, seconds)
  return { wait_fraction = wait, loader = { seconds = seconds } }
end

describe('waiting', function()
  it('is silent while training hardly waits', function()
    assert.is_nil(waiting.advice(event(0.04, { decode = 1 }), {}))
    assert.is_nil(waiting.advice({ wait_fraction = 0.5 }, {}))
    assert.is_nil(waiting.advice(event(0.5, { decode = 0 }), {}))
    assert.is_nil(waiting.advice(event(0 / 0, { decode = 1 }), {}))
  end)

  it('names the largest stage and the cure', function()
    local text = waiting.advice(event(0.42, { decode = 3, scale = 1 }), { prepared = false })
    assert.truthy(text:find('waits 42 %% of the time'), text)
    assert.truthy(text:find('75 %% decoding pictures'), text)
    assert.truthy(text:find('avcl data prepare', 1, true), text)
    text = waiting.advice(event(0.42, { decode = 3, cut = 1 }), { prepared = true })
    assert.truthy(text:find('--codec yuv', 1, true), text)
    text = waiting.advice(event(0.42, { cut = 3 }), { prepared = true })
    assert.truthy(text:find('workers=N', 1, true), text)
  end)
end)
