-- Sixteen requests in one piece, then their sixteen answers.
local piece

function init()
  piece = string.rep(wrk.format(), 16)
end

function request()
  return piece
end
