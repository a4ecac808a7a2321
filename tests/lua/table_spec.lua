-- The program's tables: written, locked, checked, copied, asked why.
local plans = require 'avcl.plan'
local script = require 'avcl.script'
local stores = require 'avcl.store'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'
local data = { hash = ('d'):rep(64), n_classes = 3, items = 40, synthetic = true }
local N_ITEMS = 40

local text = support.study:gsub("seeds = { 1, 2 }", 'seeds = { 1, 2, 3 }')

local function read(path)
  local f = assert(io.open(path))
  local content = f:read '*a'
  f:close()
  return content
end

-- Items of which the first `right` are correct, turned by the seed.
local function bits(right, seed)
  local out = {}
  for byte = 0, N_ITEMS / 8 - 1 do
    local value = 0
    for i = 0, 7 do
      if (byte * 8 + i + 3 * seed) % N_ITEMS < right then value = value + 2 ^ i end
    end
    out[#out + 1] = string.char(value)
  end
  return table.concat(out)
end

describe('a table of a project', function()
  local root
  setup(function()
    root = support.project()
    local path = support.script(root, text)
    local plan = plans.resolve((script.load(path)), { data = function() return data end })
    support.finish(plan, stores.open(root .. '/results', true), function(run)
      local right = (run.label == 'mel' and 20 or 34) + run.seed
      return { top1 = 100 * right / N_ITEMS, n = N_ITEMS, wall_s = 30 * run.seed,
        items = run.kind == 'test' and bits(right, run.seed) or nil }
    end)
  end)
  teardown(function() support.remove(root) end)

  -- Standard output and standard error, and the exit code.
  local function avcl(arguments, folder)
    return support.shell(("cd '%s'; XDG_CACHE_HOME='%s/cache' LC_ALL=C.UTF-8 '%s' %s"):format(
      folder or root, root, program, arguments))
  end

  local function ok(arguments, folder)
    local output, code = avcl(arguments .. ' 2>/dev/null', folder)
    if code ~= 0 then error(arguments .. '\n' .. avcl(arguments, folder)) end
    return output
  end

  local function has(output, ...)
    for _, part in ipairs { ... } do assert.truthy(output:find(part, 1, true), output) end
  end

  it('prints, with tests over items and a lock', function()
    local output = ok 'table study'
    has(output, '| base | **90.0 ± 2.5 (3)** |', '| mel | 55.0 ± 2.5 (3)† |', 'Synthetic data',
      "† differs from 'base': paired bootstrap over test items (40)",
      'avcl table experiments/study.lua')
    assert.truthy(output:match 'lock %x%x%x%x%x%x%x%x%x%x%x%x ·')
  end)

  it('says how many runs and how much computing are behind it', function()
    -- Two rows, three seeds: pre-training is shared, fine-tuning and test are not.
    has(ok 'table study', 'Behind it: 15 runs.')
    has(avcl 'table study', '15 finished runs, 15m00 of computing')
  end)

  it('is written and checked under another name', function()
    ok 'table study --only mel --write --as study-mel'
    has(read(root .. '/results/tables/study-mel.md'), '| mel |', '--as study-mel')
    ok 'table study --check --as study-mel'
    local output, code = avcl 'table study --check --as study-mail'
    assert.equal(4, code)
    has(output, 'study-mail.lock.yaml')
    ok 'table --check' -- finds each by its own name
    support.write(root .. '/results/tables/study-mel.md', 'by hand')
    assert.equal(1, select(2, avcl 'table --check'))
    os.remove(root .. '/results/tables/study-mel.md')
    os.remove(root .. '/results/tables/study-mel.lock.yaml')
    assert.equal(2, select(2, avcl 'table study --write --as ../study'))
  end)

  it('is plain ASCII where the terminal is', function()
    local output = avcl "table study --color never | LC_ALL=C grep -c '±'"
    has(output, '2') -- a pipe gets the file's bytes
  end)

  it('writes the same bytes each time, and checks them', function()
    ok 'table study --write --format md --format tex --format csv'
    local first = read(root .. '/results/tables/study.tex')
    local lock = read(root .. '/results/tables/study.lock.yaml')
    ok 'table study --write --format md --format tex --format csv'
    assert.are.equal(first, read(root .. '/results/tables/study.tex'))
    assert.are.equal(lock, read(root .. '/results/tables/study.lock.yaml'))
    ok 'table study --check'
  end)

  it('dates a rendered file only as SOURCE_DATE_EPOCH says', function()
    local plain = ok 'table study --format tex'
    assert.is_nil(plain:find('%d%d%d%d%-%d%d%-%d%d'))
    local dated = support.shell(("cd '%s'; SOURCE_DATE_EPOCH=86400 '%s' table study --format tex "
      .. '2>/dev/null'):format(root, program))
    has(dated, '% 1970-01-02')
  end)

  it('fails when a number was edited by hand', function()
    ok 'table study --write'
    local path = root .. '/results/tables/study.md'
    local good = read(path)
    support.write(path, (good:gsub('55%.0', '65.0')))
    local output, code = avcl 'table study --check'
    assert.are.equal(1, code, output)
    has(output, "edited by hand: results/tables/study.md:4 has '| mel | 65.0", "give '| mel | 55.0")
    os.remove(path)
    output, code = avcl 'table study --check'
    assert.are.equal(1, code)
    has(output, 'missing: results/tables/study.md')
    support.write(path, good)
    ok 'table study --check'
  end)

  it('fails when the script means other runs', function()
    ok 'table study --write'
    support.script(root, (text:gsub("modalities = 'mel'", "modalities = 'rgb'")))
    local output, code = avcl 'table study --check'
    support.script(root, text)
    assert.are.equal(1, code)
    has(output, "stale: 'mel', 'synth': the lock has seed 1 ", 'now give seed 1 missing',
      'stale: results/tables/study.md:')
    assert.is_nil(output:find("stale: 'base'", 1, true))
  end)

  it('fails when a run came or went', function()
    ok 'table study --write'
    local result = support.shell(("grep -l 'label: mel' '%s'/results/runs/*/*/run.yaml | xargs "
      .. 'grep -l "stage: test" | xargs grep -l "seed: 2"'):format(root))
      :gsub('run.yaml\n', 'result.yaml')
    os.rename(result, result .. '.away')
    local output, code = avcl 'table study --check'
    local partial = ok 'table study'
    os.rename(result .. '.away', result)
    assert.are.equal(1, code)
    has(output, "stale: 'mel', 'synth'")
    has(partial, '| mel | 5', '(2)', '[2/3 seeds, ~1m00]') -- seed 2's; the others took 30 and 90 s
  end)

  it('checks a part with the arguments it was written with', function()
    ok "table study --only base --seeds 1,2 --write"
    has(read(root .. '/results/tables/study.md'), '--seeds 1,2 --only base', '(2) |')
    ok 'table study --check'
    ok 'table study --write'
  end)

  it('has no lock before it is written', function()
    support.script(root, (text:gsub("name = 'study'", "name = 'other'")), 'other')
    local output, code = avcl 'table other --check'
    assert.are.equal(4, code)
    has(output, '`avcl table other --write` makes it')
  end)

  it('is a block of a document, which is checked with it', function()
    local path = root .. '/README.md'
    support.write(path, 'Ours:\n')
    local output, code = avcl 'table study --into README.md'
    assert.are.equal(3, code)
    has(output, 'no place for the table', '<!-- avcl table study -->')
    local before = 'Ours:\n\n<!-- avcl table study -->\n<!-- end of study -->\n\nafter\n'
    support.write(path, before)
    ok 'table study --into README.md'
    local with = read(path)
    has(with, 'Ours:\n', '| mel | 55.0 ± 2.5 (3)† |', '<!-- end of study -->\n\nafter\n')
    ok 'table study --into README.md'
    assert.are.equal(with, read(path))
    ok 'table study --check'
    support.write(path, (with:gsub('55%.0', '65.0')))
    output, code = avcl 'table study --check'
    assert.are.equal(1, code)
    has(output, "edited by hand: README.md:7 has '| mel | 65.0")
    support.write(path, before)
    has(avcl 'table study --check', 'README.md:4')
    os.remove(path)
    has(avcl 'table study --check', 'missing: the table in README.md')
    has(avcl 'table study --into /etc/passwd', "'/etc/passwd' lies outside of the project")
    ok 'table study --write'
    ok 'table study --check'
  end)

  -- A clone of the project: what git keeps of it, without what .gitignore names.
  local function clone(ignored)
    local copy = os.tmpname()
    os.remove(copy)
    support.write(root .. '/.gitignore', 'cache/\nresults/work/\nresults/claims/\nresults/log/\n'
      .. 'results/trash/\n' .. (ignored or ''))
    local output, code = support.shell(("cd '%s' && rm -rf .git && git init -q && git add . && "
      .. "git -c user.name=x -c user.email=x@localhost commit -qm x && git clone -q . '%s'")
      :format(root, copy))
    support.shell(("rm -rf '%s/.git' '%s/.gitignore'"):format(root, root))
    assert.are.equal(0, code, output)
    return copy
  end

  it('is checked in a clone, all tables by one command', function()
    ok 'table study --write --format md --format tex'
    local copy = clone()
    has(avcl('table --check', copy), "ok: 'study' says what the records say")
    local path = copy .. '/results/tables/study.tex'
    support.write(path, (read(path):gsub('55%.0', '65.0')))
    local output, code = avcl('table --check', copy)
    assert.are.equal(1, code, output)
    has(output, 'edited by hand: results/tables/study.tex')
    support.remove(copy)
    output, code = avcl 'table'
    assert.are.equal(3, code)
    has(output, 'which table?')
  end)

  it('is not right for want of records', function()
    ok 'table study --write'
    local copy = clone 'results/runs/\n'
    local output, code = avcl('table --check', copy)
    assert.are.equal(1, code, output)
    has(output, "no records: none of the 6 runs behind 'study' is in results/runs; commit")
    assert.is_nil(output:find('edited', 1, true))
    local path = copy .. '/results/tables/study.md'
    support.write(path, (read(path):gsub('55%.0', '65.0')))
    has(avcl('table --check', copy), 'edited by hand: results/tables/study.md is not what')
    support.remove(copy)
  end)

  it('is the same from a copy of the records, without data and checkpoints', function()
    local copy = os.tmpname()
    os.remove(copy)
    support.shell(("mkdir '%s'; cp -r '%s/experiments' '%s/results' '%s/'; cd '%s/results'; "
      .. 'rm -rf work claims log'):format(copy, root, root, copy, copy))
    for _, format in ipairs { 'md', 'tex', 'html', 'csv', 'json', 'tsv' } do
      assert.are.equal(ok('table study --format ' .. format),
        ok('table study --format ' .. format, copy))
    end
    ok('table study --check', copy)
    assert.are.equal(ok 'why study mel', ok('why study mel', copy))
    support.remove(copy)
  end)

  it('says which runs are behind a cell', function()
    local output = ok 'why study me syn'
    has(output, "study, 'mel', 'synth': 55.0 ± 2.5 (3)", 'max val/top1', 'modalities = mel',
      'study.lua:', ' < finetune ', ' < pretrain ')
    for seed = 1, 3 do
      assert.truthy(output:find(('\n +%d +5%%d[%%d.]* +done +2 '):format(seed)), output)
    end
    local d = require 'avcl.doc'.parse(ok 'why study base --json')
    assert.are.equal('avcl.why/1', d.schema)
    assert.are.equal(3, #d.seeds)
    assert.are.equal(3, #d.seeds[1].runs)
    assert.are.equal(32, #d.seeds[1].runs[1].run)
  end)

  it('lints rows, seeds and knobs that no model reads', function()
    local output, code = avcl 'table study --lint'
    assert.are.equal(0, code, output)
    has(output, "row 'mel' differs from 'base' in 1 key: modalities")
    output, code = avcl 'table study --lint -m tau=0.1,0.2 --only base --seeds 1'
    assert.are.equal(1, code)
    has(output, 'differs', 'in tau, and the model reads none of it', '1 seed a row')
  end)
end)
