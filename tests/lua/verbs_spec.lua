-- Verbs around studies: new, config, plot, export, completion, the manual.
local curves = require 'avcl.plot.curves'
local figure = require 'avcl.plot.figure'
local plans = require 'avcl.plan'
local script = require 'avcl.script'
local stores = require 'avcl.store'
local support = require 'support'

local program = os.getenv 'AVCL_PROGRAM'
local data = { hash = ('d'):rep(64), n_classes = 3, items = 40, synthetic = true }

local function read(path)
  local f = assert(io.open(path, 'rb'))
  local content = f:read '*a'
  f:close()
  return content
end

local function has(text, ...)
  for _, part in ipairs { ... } do
    assert.truthy(text:find(part, 1, true), part .. ' in\n' .. text)
  end
end

describe('a project', function()
  local root, plan
  setup(function()
    root = support.project()
    local path = support.script(root, support.study)
    plan = plans.resolve((script.load(path)), { data = function() return data end })
    support.finish(plan, stores.open(root .. '/results', true), function(run)
      local epochs = {}
      for e = 1, run.kind ~= 'test' and 5 or 0 do
        epochs[e] = ('"val/top1":%d.5,"train/loss":%g'):format(10 * e + run.seed, 2 / e)
      end
      return { top1 = 50 + run.seed, n = 40, epochs = epochs }
    end)
  end)
  teardown(function() support.remove(root) end)

  local function avcl(arguments)
    return support.shell(("cd '%s'; XDG_CACHE_HOME='%s/cache' LC_ALL=C.UTF-8 '%s' %s"):format(root,
      root, program, arguments))
  end

  local function ok(arguments)
    local output, code = avcl(arguments .. ' 2>/dev/null')
    if code ~= 0 then error(arguments .. '\n' .. avcl(arguments)) end
    return output
  end

  describe('is exported', function()
    it('as CSV that pandas reads in one line, with types', function()
      ok 'export --out runs.csv'
      local text = support.python(([[
import pandas as pd
d = pd.read_csv('%s/runs.csv')
t = d[d.stage == 'test']
print(len(d), len(t), d.run.is_unique, d['config.width'].dtype, d['config.tau'].dtype)
print(d['config.cgra.center'].dtype, t['metrics.test.top1'].mean(), sorted(t.seed.unique()))
print(d['config.fusion'].iloc[0], t.groupby('label')['metrics.test.top1'].std().round(3).to_dict())
]]):format(root))
      has(text, ('%d %d True int64 float64'):format(#plan.runs, 4), 'bool 51.5 [1, 2]', 'amfm',
        "{'base': 0.707, 'mel': 0.707}")
    end)

    it('as JSON lines and TSV with the same values', function()
      ok 'export --out runs.csv'
      ok 'export --format jsonl --out runs.jsonl'
      ok 'export --format tsv --out runs.tsv'
      has(support.python(([[
import pandas as pd
a = pd.read_csv('%s/runs.csv').set_index('run')
b = pd.read_json('%s/runs.jsonl', lines=True).set_index('run')
c = pd.read_csv('%s/runs.tsv', sep='\t').set_index('run')
print(a.equals(c), (a['metrics.test.top1'].dropna() == b['metrics.test.top1'].dropna()).all())
print((a['config.lambda'] == b['config.lambda']).all(), (a.label == b.label).all())
]]):format(root, root, root)), 'True True\nTrue True')
    end)

    it('by epochs in long form, and by a filter', function()
      ok "export --epochs --out epochs.csv 'stage == \"finetune\"'"
      has(support.python(([[
import pandas as pd
d = pd.read_csv('%s/epochs.csv')
p = d.pivot(index=['run', 'epoch'], columns='metric', values='value')
print(p.shape, sorted(d.stage.unique()), p['val/top1'].max(), d.epoch.dtype)
]]):format(root)), "(20, 2) ['finetune'] 52.5 int64")
      local output, code = avcl "export 'stge == 1'"
      assert.are.equal(3, code)
      has(output, "did you mean 'stage'?")
    end)
  end)

  describe('is plotted', function()
    it('as SVG that another program draws, the same bytes each time', function()
      ok 'plot study --metric val/top1 --out a.svg'
      ok 'plot study --metric val/top1 --out b.svg'
      local svg = read(root .. '/a.svg')
      assert.are.equal(svg, read(root .. '/b.svg'))
      has(svg, '>study, finetune<', '>epoch<', '>val/top1<', '>base<', '>mel<', 'synthetic data')
      -- Two rows: a band of two seeds and a line each, told apart by dashes as well.
      local _, bands = svg:gsub('<polygon', '')
      assert.are.equal(2, bands)
      has(svg, 'stroke-dasharray')
      local _, code = support.shell(("cd '%s' && rsvg-convert a.svg -o c.png"):format(root))
      assert.are.equal(0, code)
    end)

    it('as PNG of twice the size', function()
      ok 'plot study --out a.png'
      local png = read(root .. '/a.png')
      assert.are.equal('\137PNG\r\n\26\n', png:sub(1, 8))
      local function u32(at)
        local a, b, c, d = png:byte(at, at + 3)
        return ((a * 256 + b) * 256 + c) * 256 + d
      end
      assert.are.equal(2 * figure.WIDTH, u32(17))
      assert.are.equal(2 * figure.HEIGHT, u32(21))
    end)

    it('in the terminal, and run by run', function()
      has(ok 'plot study', 'val/top1', 'base', '▁', '█', '52')
      local id = plan.rows[1].cells[1].finetune.id
      has(ok('plot ' .. id:sub(1, 10)), 'finetune base seed 1', '11.5', '51.5')
      local output, code = avcl 'plot study --metric val/top'
      assert.are.equal(4, code)
      has(output, "no metric 'val/top'; did you mean 'val/top1'?")
      output, code = avcl 'plot study --out a.pdf'
      assert.are.equal(3, code)
      has(output, 'neither FILE.svg nor FILE.png')
    end)
  end)

  it('shows its configuration and who set it', function()
    local output = ok 'config show study tau=0.25 --origin --row mel'
    assert.truthy(output:find '\ntau +0.25 +command line\n', output)
    assert.truthy(output:find '\nmodalities +mel +row\n', output)
    assert.truthy(output:find '\nwidth +4 +experiment\n', output)
    assert.truthy(output:find "\nlambda_cor +0.9 +preset 'paper'\n", output)
    support.write(root .. '/avcl.lua', 'return { defaults = { workers = 3 } }')
    assert.truthy(ok('config show study --origin'):find '\nworkers +3 +[^\n]*avcl.lua\n')
    assert.truthy(support.shell(("cd '%s'; AVCL_WORKERS=2 '%s' config show study --origin"):format(
      root, program)):find '\nworkers +2 +environment\n')
    support.write(root .. '/avcl.lua', 'return { defaults = { tau = 3 } }')
    local text, code = avcl 'config check study'
    assert.are.equal(3, code)
    has(text, "avcl.lua:1: 'tau' changes results", 'workers')
    os.remove(root .. '/avcl.lua')
    has(ok 'config check study', 'ok: study, 2 rows')
  end)

  it('gets a new experiment that is sound', function()
    ok 'new experiment probe --data synth'
    has(ok 'config check probe', 'ok: probe, 3 rows, 1 columns')
    local _, code = avcl 'new experiment probe'
    assert.are.equal(5, code)
    _, code = avcl 'new experiment a-b'
    assert.are.equal(3, code)
    has(ok 'graph probe --check-gradients', 'ok')
    os.remove(root .. '/experiments/probe.lua')
  end)

  describe('is completed', function()
    local function complete(words)
      return (ok('__complete ' .. words):gsub('\n', ' '))
    end

    it('verb by verb and word by word', function()
      has(' ' .. complete 'ru', ' run ')
      assert.are.equal('study ', complete 'table st')
      assert.are.equal('rgb.normalise= ', complete 'run study rgb.nor')
      assert.are.equal('rgb.normalise=clip ', complete 'run study rgb.normalise=c')
      assert.are.equal('base mel ', complete "why study ''")
      assert.are.equal('synth ', complete "why study mel ''")
      assert.are.equal('--format ', complete 'table study --form')
      assert.are.equal('tex tsv ', complete 'table study --format t')
      local id = plan.rows[1].cells[1].test.id
      has(complete('show ' .. id:sub(1, 6)), id:sub(1, 12))
      assert.are.equal('', complete 'run nothing x')
      assert.are.equal('', complete 'nonsense x')
    end)

    it('in bash, behind = too', function()
      support.write(root .. '/bash.sh', [[
source <("$1" completion bash)
for line in ' ru' ' run study rgb.norm' ' run study rgb.normalise=cl' ' why study m'; do
    COMP_LINE="$1$line" COMP_POINT=$((${#1} + ${#line}))
    _avcl 2>/dev/null
    printf '%s;' "${COMPREPLY[@]}"
done]])
      assert.are.equal('run;rgb.normalise=;clip;mel;',
        (support.shell(("cd '%s'; bash bash.sh '%s'"):format(root, program))))
    end)

    -- Functions of ours stand in for the completion system's: what they get is what is offered.
    it('in zsh, a key without a blank behind it', function()
      support.write(root .. '/zsh.sh', [=[
program=$1
compdef() { : }
compadd() {
    while [[ $1 != -- ]]; do [[ $1 == -S ]] && printf '(no blank)'; shift; done
    printf '%s;' "${@:2}"
}
_files() { printf 'files;' }
source <($program completion zsh)
for line in 'ru' 'run study rgb.norm' 'run study rgb.normalise=cl' 'why study m' 'run nothing x'; do
    words=($program ${=line}) CURRENT=$#words
    _avcl
done]=])
      local text = support.shell(("cd '%s' && zsh -f zsh.sh '%s'"):format(root, program))
      assert.are.equal('run;(no blank)rgb.normalise=;rgb.normalise=clip;mel;files;', text)
    end)

    it('in fish', function()
      support.write(root .. '/fish.sh', [[
set -l program $argv[1]
source ($program completion fish | psub)
for line in ru 'run study rgb.norm' 'run study rgb.normalise=cl' 'why study m'
    complete -C "$program $line" | string join ';'
end]])
      local text = support.shell(("cd '%s'; HOME='%s' PATH=\"$(dirname '%s'):$PATH\" fish "
        .. '--no-config fish.sh avcl'):format(root, root, program))
      assert.are.equal('run\nrgb.normalise=\nrgb.normalise=clip\nmel\n', text)
    end)
  end)

  it('is explained, examples first', function()
    local cli = require 'avcl.cli'
    assert.are.equal(1, (ok 'help table'):find('Examples:\n  avcl table', 1, true))
    local page = ok 'help --man'
    for _, verb in ipairs(cli.verbs) do has(page, '\n.SS ' .. verb:gsub('%-', '\\-') .. '\n') end
    for _, code in pairs(cli.exit) do has(page, '\n.B ' .. code .. '\n') end
    support.write(root .. '/avcl.1', page)
    local text = support.shell(("command -v groff >/dev/null || exit 0; groff -man -Tutf8 -ww "
      .. "-z '%s/avcl.1'"):format(root))
    assert.are.equal('', text)
  end)
end)

describe('a curve', function()
  local function records(runs)
    return { epochs = function(_, id) return runs[id] end }
  end

  it('is the mean over seeds, of epochs that all seeds have', function()
    local all = records { a = { { epoch = 1, m = 1 }, { epoch = 2, m = 3 }, { epoch = 3, m = 9 } },
      b = { { epoch = 1, m = 3 }, { epoch = 2, m = 3 } } }
    local s = curves.series(all, 'row', { 'a', 'b', 'none' }, 'm')
    assert.are.same({ 1, 2 }, s.x)
    assert.are.same({ 2, 3 }, s.mean)
    assert.is_true(math.abs(s.high[1] - (2 + math.sqrt(2))) < 1e-12)
    assert.are.equal(3, s.low[2])
    assert.are.equal('row (2/3 seeds)', s.label)
    assert.is_nil(curves.series(all, 'row', { 'none' }, 'm'))
    assert.is_nil(curves.series(all, 'row', { 'a' }, 'm').low)
  end)

  it('rises and falls as text', function()
    assert.are.equal('▁▅█', curves.spark({ 0, 5, 10 }, 10))
    assert.are.equal('_+#', curves.spark({ 0, 5, 10 }, 10, true))
    assert.are.equal('▅▅', curves.spark({ 3, 3 }, 10))
    assert.are.equal(4, #curves.spark({ 1, 2, 3, 4, 5, 6, 7, 8 }, 4, true))
    assert.are.equal('▁?█', curves.spark({ 0, 0 / 0, 1 }, 10))
  end)

  it('has round ticks that cover it', function()
    assert.are.same({ 0, 20, 40, 60, 80 }, figure.ticks(3, 75, 6))
    assert.are.same({ -1, 0, 1 }, figure.ticks(-0.6, 0.9, 3))
    for _, case in ipairs { { 1e-7, 3e-7 }, { -5, 12345 }, { 7, 7 }, { 0, 0 } } do
      local ticks = figure.ticks(case[1], case[2], 6)
      assert.is_true(ticks[1] <= case[1] and ticks[#ticks] >= case[2] and #ticks >= 2
        and #ticks <= 9)
    end
  end)
end)
