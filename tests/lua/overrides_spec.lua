-- What the command line may say over a script, and sweeps of it.
local layers = require 'avcl.overrides'
local script = require 'avcl.script'
local support = require 'support'

describe('an override', function()
  local root, study
  setup(function()
    root = support.project()
    study = script.load(support.script(root, support.study))
  end)
  teardown(function() support.remove(root) end)

  local function resolve(list, row)
    return study.schema:resolve(row or {}, layers.layer(study.schema, list))
  end

  local function refuses(part, list, sweep)
    local ok, e = pcall(layers.layers, study.schema, list, sweep)
    assert.is_false(ok)
    assert.truthy(tostring(e):find(part, 1, true), tostring(e))
    assert.truthy(tostring(e):find('command line', 1, true), tostring(e))
  end

  it('adds to a list and takes from it', function()
    assert.are.same({ 'pool-final', 'conv5' }, resolve({ 'cgra_at+=conv5' }).cgra_at)
    assert.are.same({ 'conv4' }, resolve({ 'cgra_at+=[conv4]', 'cgra_at-=pool-final' }).cgra_at)
    assert.are.same({ 'a', 'b' }, resolve({ 'cgra_at+=b' }, { cgra_at = { 'a' } }).cgra_at)
    assert.has_error(function() resolve { 'cgra_at-=conv9' } end)
    refuses("'tau' is not a list", { 'tau+=1' })
  end)

  it('forgets what script and row say', function()
    assert.are.equal(4, resolve({}).width)
    assert.are.equal(64, resolve({ '~width' }, { width = 7 }).width)
    refuses("did you mean 'width'?", { '~widht' })
  end)

  it('adds a knob on purpose', function()
    local values = resolve { '+mine=3', '+name=x', '+many=[1,2]', '+on=true' }
    assert.are.equal(3, values.mine)
    assert.are.equal('x', values.name)
    assert.are.same({ 1, 2 }, values.many)
    assert.is_true(values.on)
    refuses("there is a 'tau' already", { '+tau=3' })
  end)

  it('reads a value from a file', function()
    support.write(root .. '/value', '0.25\n')
    assert.are.equal(0.25, resolve({ 'tau=@' .. root .. '/value' }).tau)
    refuses('No such file', { 'tau=@' .. root .. '/none' })
    refuses('directory', { 'tau=@' .. root })
  end)

  it('keeps commas in quotes', function()
    assert.are.equal('a,b', resolve({ "data='a,b'" }).data)
    refuses('-m (--sweep)', { 'data=a,b' })
  end)

  it('says who set a value', function()
    local _, origins = resolve({ 'tau=1', 'cgra_at+=x' }, { batch = 2 })
    assert.are.equal('command line', origins.tau)
    assert.are.equal('command line', origins.cgra_at)
    assert.are.equal('row', origins.batch)
    assert.are.equal('experiment', origins.width)
    assert.are.equal("preset 'paper'", origins.lambda_cor)
    assert.are.equal('built-in', origins.fusion)
  end)

  describe('as a sweep', function()
    local function labels(list)
      local out = {}
      for i, layer in ipairs(layers.layers(study.schema, list, true)) do out[i] = layer.label end
      return out
    end

    it('takes every combination', function()
      assert.are.same({ 'tau=0.1,fusion=amfm', 'tau=0.1,fusion=concat', 'tau=0.5,fusion=amfm',
        'tau=0.5,fusion=concat' }, labels { 'tau=0.1,0.5', 'width=2', 'fusion=amfm,concat' })
      local made = layers.layers(study.schema, { 'tau=0.1,0.5', 'width=2' }, true)
      assert.are.same({ tau = 0.5, width = 2 }, made[2].values)
    end)

    it('takes lists side by side', function()
      assert.are.same({ 'tau=0.1,width=4', 'tau=0.5,width=8' },
        labels { 'zip(tau=[0.1,0.5],width=[4,8])' })
      refuses("'width' has 1 values, 'tau' has 2", { 'zip(tau=[1,2],width=[4])' }, true)
      refuses('zip takes key=[a,b]', { 'zip(tau)' }, true)
    end)

    it('takes lists as values', function()
      local made = layers.layers(study.schema, { 'cgra_at=[conv4],[conv4,conv5]' }, true)
      assert.are.same({ 'conv4', 'conv5' }, made[2].values.cgra_at)
      assert.are.equal(2, #made)
    end)

    it('is asked for', function()
      refuses('-m (--sweep) allows it', { 'zip(tau=[1],width=[2])' })
      refuses('without a list', { 'tau=1' }, true)
      refuses('an empty value', { 'tau=1,' }, true)
      refuses("did you mean 'tau'?", { 'tua=1,2' }, true)
    end)
  end)

  it('of the environment sets where a run happens, and no result', function()
    local function get(name)
      return ({ AVCL_WORKERS = '3', AVCL_DEVICE = 'reference', AVCL_TAU = '9' })[name]
    end
    assert.are.same({ workers = 3, device = 'reference' },
      layers.environment(study.schema, get))
    local ok, e = pcall(layers.environment, study.schema, function() return 'x' end)
    assert.is_false(ok)
    assert.truthy(tostring(e):find('not a number', 1, true))
  end)
end)
