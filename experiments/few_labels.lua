-- Does pre-training on unlabelled videos help where labels are few? AVCL against the same network
-- from scratch, on the same items: the table's mark is a paired test over them.
local avcl = require 'avcl'
local paper = require 'experiments._base.avcl'

local function labels(title, split)
  return avcl.metric {
    title, metric = 'test/top1', select = 'max val/top1', with = { ['finetune.split'] = split },
  }
end

return avcl.experiment {
  name = 'few_labels', base = paper.base, model = require 'experiments._base.model',
  defaults = { scale = 'small' },
  rows = avcl.rows {
    { label = 'from scratch', ['finetune.from'] = 'none' },
    { label = 'AVCL' },
  },
  columns = { labels('5 a class', 'few5'), labels('15 a class', 'few15') },
  seeds = 3,
  baseline = 'from scratch',
}
