-- 64 KiB that the server is to send back.
function init()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep("x", 64 * 1024)
end
