-- A dissector of the wachat protocol for Wireshark and tshark. `wachat dissector` has made it from the tables that the
-- parser of wachat uses: do not change it here.
--
--   wachat dissector > ~/.local/lib/wireshark/plugins/wachat.lua
--   tshark -r capture.pcap -X lua_script:wachat.lua -Y wachat -O wachat

-- The requests of both ports, and the events: the names of their fields.
local requests = {
@REQUESTS@
}
local events = {
@EVENTS@
}
-- The verbs of login lines, and the number of their fields: a device comes before the user.
local logins = {
@LOGINS@
}
-- The codes of a KO, and what they mean.
local codes = {
@CODES@
}

local wachat = Proto("wachat", "wachat, a store-and-forward messenger")
wachat.prefs.send_port = Pref.uint("SEND port", @SEND_PORT@, "Port of requests")
wachat.prefs.recv_port = Pref.uint("RECV port", @RECV_PORT@, "Port of events")

local fields = {
  kind = ProtoField.string("wachat.kind", "Kind"),
  word = ProtoField.string("wachat.word", "Word"),
  code = ProtoField.string("wachat.code", "Code"),
  seq = ProtoField.string("wachat.seq", "Sequence number"),
  id = ProtoField.string("wachat.id", "Message id"),
  text = ProtoField.string("wachat.text", "Text"),
  user = ProtoField.string("wachat.user", "User"),
  device = ProtoField.string("wachat.device", "Device"),
  field = ProtoField.string("wachat.field", "Field"),
}
wachat.fields = { fields.kind, fields.word, fields.code, fields.seq, fields.id, fields.text, fields.user, fields.device, fields.field }
local malformed = ProtoExpert.new("wachat.malformed", "Not a record", expert.group.MALFORMED, expert.severity.WARN)
wachat.experts = { malformed }

-- The fields that a filter can name by themselves; the others are wachat.field.
local own = { seq = fields.seq, id = fields.id, text = fields.text, user = fields.user, code = fields.code }

-- Undoes the escapes of a field (protocol, section 2).
local function unescape(text)
  return (text:gsub("\\(.)", { n = "\n", r = "\r", ["\\"] = "\\" }))
end

-- Splits a line into its fields: { value, offset, length } each; nil where it is not a record.
local function split(line)
  local found, at = {}, 1
  while true do
    local first, last, value = at, nil, nil
    if line:sub(at, at) == '"' then
      local open = at + 1
      while true do
        local quote = line:find('"', open, true)
        if not quote then return nil end
        if line:sub(quote + 1, quote + 1) ~= '"' then last = quote break end
        open = quote + 2
      end
      value = line:sub(first + 1, last - 1):gsub('""', '"')
      if last < #line and line:sub(last + 1, last + 1) ~= ";" then return nil end
    else
      last = (line:find(";", at, true) or #line + 1) - 1
      value = line:sub(first, last)
    end
    found[#found + 1] = { unescape(value), first - 1, last - first + 1 }
    if last >= #line then return found end
    at = last + 2
    if at > #line then
      found[#found + 1] = { "", #line, 0 }
      return found
    end
  end
end

-- Adds a field to the tree under its name.
local function add(tree, range, field, name)
  local value, offset, length = field[1], field[2], field[3]
  tree:add(own[name] or fields.field, range(offset, length), value):set_text(name .. ": " .. value)
end

-- Returns whether a line is a login line, in whichever direction it goes: a server's line never begins like one.
local function is_login(line)
  local verb = (line:match("^(%a+):") or ""):upper()
  return logins[verb] ~= nil
end

-- Shows a login line, without its password or key.
local function dissect_login(tree, range, line)
  local verb = line:match("^%a+")
  local device, user = "", nil
  if logins[verb:upper()] == 3 then
    device, user = line:match("^%a+:([^:]*:)([^:]*):")
  else
    user = line:match("^%a+:([^:]*):")
  end
  tree:add(fields.kind, range, "login"):set_generated()
  if not user then return verb .. " ***" end
  tree:add(fields.word, range(0, #verb), verb)
  if device ~= "" then tree:add(fields.device, range(#verb + 1, #device - 1), device:sub(1, -2)) end
  tree:add(fields.user, range(#verb + 1 + #device, #user), user)
  return verb .. ":" .. device .. user .. ":***"
end

-- Returns whether a record is the reply to KEY: 43 characters of base64url.
local function is_key(found)
  return found[1][1] == "OK" and #found == 2 and #found[2][1] == @KEY_CHARACTERS@ and not found[2][1]:find("[^%w%-_]")
end

-- Shows a record. `from_client`: a client has sent it; `from_server`: a server has. At a port that is neither the line says
-- which: what is no reply, event or request is not shown, since it can be a mistyped password.
local function dissect_record(tree, range, line, from_client, from_server)
  local found = split(line)
  if not found then
    tree:add_proto_expert_info(malformed)
    return "not a record"
  end
  local word, kind, names = found[1][1], "record", {}
  if not from_server and requests[word:upper()] then
    kind, names = "request", requests[word:upper()]
  elseif from_client then
    tree:add(fields.kind, range, "request"):set_generated()
    return "*** (a verb of " .. #word .. " bytes that is not known)"
  elseif word == "OK" then
    kind = "reply"
  elseif word == "KO" then
    kind, names = "reply", { "code", "reason" }
  elseif found[2] and events[found[2][1]] then
    word, kind, names = found[2][1], "event", events[found[2][1]]
  end
  if kind == "record" and not from_server then
    tree:add(fields.kind, range, kind):set_generated()
    return "***"
  end
  tree:add(fields.kind, range, kind):set_generated()
  if kind == "event" then
    add(tree, range, found[1], "seq")
    tree:add(fields.word, range(found[2][2], found[2][3]), word)
  elseif kind ~= "record" then
    tree:add(fields.word, range(found[1][2], found[1][3]), word)
  end
  local begin = ({ event = 3, record = 1 })[kind] or 2
  local holds_password = table.concat(names, " "):find("password", 1, true) or is_key(found)
    or kind == "request" and word:upper() == "KEY"
  for index = begin, #found do
    local name = names[index - begin + 1] or "field"
    -- Passwords and keys are in the bytes, but not in what is shown; one with a semicolon in it takes further fields.
    if holds_password then found[index][1] = "***" end
    add(tree, range, found[index], name)
  end
  local shown = {}
  for _, field in ipairs(found) do shown[#shown + 1] = field[1] end
  if word == "KO" and found[2] then
    shown[#shown + 1] = "(" .. (codes[found[2][1]] or "a code that is not known here") .. ")"
  end
  return (table.concat(shown, " "):gsub("%c", " "))
end

function wachat.dissector(buffer, pinfo, tree)
  local ports = { [wachat.prefs.send_port] = "SEND", [wachat.prefs.recv_port] = "RECV" }
  local from_client = ports[pinfo.dst_port] ~= nil
  local from_server = not from_client and ports[pinfo.src_port] ~= nil
  pinfo.cols.protocol = "wachat"
  local bytes, at, said = buffer:raw(), 0, {}
  while at < #bytes do
    local feed = bytes:find("\n", at + 1, true)
    if not feed then
      -- TCP cuts and joins lines as it likes: the rest of this one comes in a later segment.
      pinfo.desegment_offset, pinfo.desegment_len = at, DESEGMENT_ONE_MORE_SEGMENT
      break
    end
    local range = buffer(at, feed - at)
    local line = bytes:sub(at + 1, feed - 1):gsub("\r$", "")
    local port = ports[from_client and pinfo.dst_port or pinfo.src_port] or "?"
    local end_of = from_client and " C: " or from_server and " S: " or " "
    local item = tree:add(wachat, range, "wachat " .. port .. end_of)
    local short = is_login(line) and dissect_login(item, range, line)
      or dissect_record(item, range, line, from_client, from_server)
    item:append_text(short)
    said[#said + 1] = short
    at = feed
  end
  local sender = from_client and "C: " or from_server and "S: " or ""
  if #said > 0 then pinfo.cols.info = sender .. table.concat(said, " | ") end
end

-- Follows the ports of the settings.
local registered = {}
local function register()
  local tcp = DissectorTable.get("tcp.port")
  for _, port in ipairs(registered) do tcp:remove(port, wachat) end
  registered = { wachat.prefs.send_port, wachat.prefs.recv_port }
  for _, port in ipairs(registered) do tcp:add(port, wachat) end
end
wachat.prefs_changed = register
register()
