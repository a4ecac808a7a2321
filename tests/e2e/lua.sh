#!/usr/bin/env bash
# `avcl lua`: the library in a plain script, by numbers worked out by hand.
. "$(dirname "$0")/lib.sh"

# loss = mean((x w' + b - t)^2) on 2 x 2: y = x w' + b, dloss/dy = 2 (y - t) / 4.
test_values_and_gradients_by_hand() {
    project hand
    cat >hand.lua <<'END'
local avcl = require 'avcl'
local g = avcl.graph()
local x, t = g:input('x', { 2, 2 }), g:input('t', { 2, 2 })
local w, b = g:weight('w', { 2, 2 }), g:weight('b', { 2 })
local y = g:linear(x, w, b)
g:keep('y', y)
local loss = g:mean(g:square(y - t))
g:keep('mse', loss)
g:minimize(1, loss)
local s = avcl.session(g, { device = 'reference', precision = 'f64', input_grads = true })
s:set('x', { { 1, 2 }, { 3, 4 } }):set('t', { { 0, 1 }, { 2, 0 } })
s:set('w', { { 1, -1 }, { 0.5, 2 } }):set('b', { 0.25, -0.5 })

local function same(what, seen, expected)
  if type(expected) == 'number' then seen, expected = { seen }, { expected } end
  for i, e in ipairs(expected) do
    if type(e) == 'table' then
      same(what, seen[i], e)
    else
      assert(math.abs(seen[i] - e) <= 1e-14 * math.max(1, math.abs(e)),
        ('%s[%d] is %.17g, not %.17g'):format(what, i, seen[i], e))
    end
  end
end
s:run 'train'
-- y = { { -0.75, 4 }, { -0.75, 9 } }, y - t = { { -0.75, 3 }, { -2.75, 9 } }
same('y', s:get 'y', { { -0.75, 4 }, { -0.75, 9 } })
same('mse', s:get 'mse', (0.5625 + 9 + 7.5625 + 81) / 4)
-- d = (y - t) / 2 = { { -0.375, 1.5 }, { -1.375, 4.5 } }; dw = d' x, db = column sums, dx = d w
same('dw', s:grad 'w', { { -0.375 - 4.125, -0.75 - 5.5 }, { 1.5 + 13.5, 3 + 18 } })
same('db', s:grad 'b', { -1.75, 6 })
same('dx', s:grad 'x', { { -0.375 + 0.75, 0.375 + 3 }, { -1.375 + 2.25, 1.375 + 9 } })
s:sgd { lr = 0.5 }
same('w after a step', s:get 'w', { { 1 + 2.25, -1 + 3.125 }, { 0.5 - 7.5, 2 - 10.5 } })

-- The same by a file: written here, loaded into a second session.
avcl.save_safetensors('w.safetensors', {
  ['weight/w'] = { data = { 1, -1, 0.5, 2 }, shape = { 2, 2 }, dtype = 'f64' },
  ['weight/b'] = { data = { 0.25, -0.5 }, shape = { 2 } },
})
local s2 = avcl.session(g, { device = 'reference', precision = 'f64' })
s2:load 'w.safetensors'
s2:set('x', { { 1, 2 }, { 3, 4 } }):set('t', { { 0, 1 }, { 2, 0 } }):run 'eval'
same('y from a file', s2:get 'y', { { -0.75, 4 }, { -0.75, 9 } })
print 'all as by hand'
END
    avcl lua hand.lua
    expect_status 0; expect_text 'all as by hand'
    # Another reader of the format sees the names and the numbers.
    output=$(python3 - <<'END' 2>&1
import json, struct
data = open('w.safetensors', 'rb').read()
n, = struct.unpack('<Q', data[:8])
header = json.loads(data[8:8 + n])
a, b = header['weight/w']['data_offsets']
print(header['weight/w']['dtype'], struct.unpack('<4d', data[8 + n + a:8 + n + b]))
END
)
    expect_text 'F64 (1.0, -1.0, 0.5, 2.0)'
}

test_a_wrong_file_is_refused() {
    project wrong
    cat >wrong.lua <<'END'
local avcl = require 'avcl'
local g = avcl.graph()
g:minimize(1, g:mean(g:square(g:weight('w', { 2, 2 }))))
local s = avcl.session(g, { device = 'reference' })
s:load(arg[1])
END
    avcl lua wrong.lua none.safetensors
    expect_status 4; expect_sentence; expect_text 'none.safetensors'
    head -c 100 /dev/zero >zero.safetensors
    avcl lua wrong.lua zero.safetensors
    [ "$status" = 3 ] || [ "$status" = 5 ] || complain "exit status $status, expected 3 or 5"
    expect_sentence; expect_text 'zero.safetensors'
    echo "require 'avcl'.save_safetensors('v.safetensors', { v = { data = { 1 }, shape = { 1 } } })" \
        >make.lua
    avcl lua make.lua
    avcl lua wrong.lua v.safetensors
    expect_status 4; expect_sentence; expect_text 'w'
    echo "require 'avcl'.save_safetensors('u.safetensors', { w = { data = { 1 }, shape = { 1 } } })" \
        >make.lua
    avcl lua make.lua
    avcl lua wrong.lua u.safetensors
    expect_status 3; expect_sentence; expect_text "'w'" '4 elements are needed, got 1'
}

test_arguments_and_exit_status() {
    project plain
    echo "io.write(arg[0], ' ', ..., ' ', #arg, '\n') return tonumber(arg[2])" >plain.lua
    avcl lua plain.lua --flag 9
    expect_status 9; expect_text 'plain.lua --flag'
    echo "error 'a fault of mine'" >fault.lua
    avcl lua fault.lua
    expect_status 1; expect_text 'fault.lua:1: a fault of mine'
}

run_tests test_values_and_gradients_by_hand test_a_wrong_file_is_refused \
    test_arguments_and_exit_status
