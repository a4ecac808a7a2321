-- field.lua - short spellings of a key's specification (spec.lua): type, default, limits, meaning.
local M = {}

function M.number(default, o)
  o = o or {}
  o.type, o.default = 'number', default
  return o
end

function M.integer(default, o)
  o = M.number(default, o)
  o.type = 'integer'
  return o
end

function M.boolean(default, doc)
  return { type = 'boolean', default = default, doc = doc }
end

function M.choice(default, choices, doc)
  return { type = 'string', default = default, choices = choices, doc = doc }
end

function M.list(default, doc)
  return { type = 'list', default = default, doc = doc }
end

return M
