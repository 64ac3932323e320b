-- Every transition of the card, atomic in Redis. The same rules as gpu/arbiter/rules.py, decisions.py and
-- order.py, name by name; tests/gpu/test_conformance.py drives both with the same histories.
--
-- KEYS: the card's document, the diary's stream, the counters' hash.
-- ARGV: operation, its arguments as JSON, the rules as JSON, now in ms ("" asks Redis), the channel for losses.
-- Returns JSON: {now, answer, grants, switch, events, card}.

local OLLAMA, COMFYUI, NOBODY, FREED, UNKNOWN = "ollama", "comfyui", "", "none", "?"
local DIARY_LENGTH = 500
-- Events that have a line in the diary (gpu/sentences.py); of what was released only pictures have one.
local IN_DIARY = {
  switched = true, switch_failed = true, switch_lost = true, released = true, expired = true, taken = true, seen = true,
  borrowed = true, returned = true, paused = true, resumed = true, draining = true, open = true,
}

local rules = cjson.decode(ARGV[3])
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call("TIME")
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function fresh_card()
  return {
    born = 0, token = 0, seq = 0, resident = UNKNOWN, tickets = {}, leases = {}, turn = 0, thought = 0, drawn = 0,
    used = {}, broken = {}, wish = "", paused = false, draining = false,
    memory = {free = 0, held = 0, at = 0}, moved_at = 0, drew_at = 0,
  }
end

local stored = redis.call("GET", KEYS[1])
local card = stored and cjson.decode(stored) or fresh_card()
for _, name in ipairs({"switch", "borrow"}) do
  if card[name] == cjson.null then card[name] = nil end
end

if card.born == 0 then card.born = now end

local answer, begun = nil, nil
local grants, events = {}, {}

local function digits(number) return string.format("%.0f", number) end

local function tell(type_, about)
  about.type, about.at = type_, now
  events[#events + 1] = about
end

local function ticket_id(ticket) return ticket.kind .. ":" .. digits(ticket.row_id) end

local function remove(list, thing)
  for place, other in ipairs(list) do
    if other == thing then return table.remove(list, place) end
  end
end

local function copied(list)
  local copy = {}
  for place, thing in ipairs(list) do copy[place] = thing end
  return copy
end

local function next_token()
  card.token = math.max(card.token + 1, now)
  return card.token
end

local function used_ms(user_id)
  local used = card.used[digits(user_id)]
  if not used then return 0 end
  return used.ms * 2.0 ^ (-(now - used.at) / rules.half_life)
end

local function is_broken(service)
  local broken = card.broken[service]
  return broken ~= nil and broken["until"] > now
end

local function find(held_id)
  if card.switch and card.switch.id == held_id then return card.switch end
  for _, lease in ipairs(card.leases) do
    if lease.id == held_id then return lease end
  end
end

-- What its holder has claimed; a card that lost the claim and kept the lease learns of it.
local function find_of(told)
  local held, claimed_at = find(told.id), told.claimed_at or 0
  if not held then return nil end
  if held.claimed_at == 0 then held.claimed_at = claimed_at end
  if held.claimed_at == claimed_at then return held end
end

local function lease_of(id)
  for _, lease in ipairs(card.leases) do
    if ticket_id(lease.ticket) == id then return lease end
  end
end

local function finish(lease, used)
  local user_id = lease.ticket.user_id
  remove(card.leases, lease)
  card.used[digits(user_id)] = {ms = math.floor(used_ms(user_id) + used + 0.5), at = now}
  card.moved_at = now
  if lease.ticket.service == COMFYUI then card.drew_at = now end
  if lease.again then
    card.seq = card.seq + 1
    lease.ticket.seq, lease.ticket.at = card.seq, now
    card.tickets[#card.tickets + 1] = lease.ticket
  end
end

local function take_away(held_id)
  if ARGV[5] ~= "" then redis.call("PUBLISH", ARGV[5], held_id) end
end

local function wished(wish)
  if wish == FREED then return NOBODY end
  return wish
end

local function grant_wish()
  if card.wish ~= "" and wished(card.wish) == card.resident then card.wish = "" end
end

local function settle(resident)
  card.resident, card.thought, card.drawn = resident, 0, 0
  card.turn = resident == OLLAMA and card.seq or 0
  if resident == COMFYUI then card.drew_at = now end
  grant_wish()
end

-- A lease that was taken back during a hand-over that did not come about shows who is there.
local function end_switch(resident)
  card.switch, card.resident = nil, #card.leases > 0 and card.leases[1].ticket.service or resident
end

local function pause_after(failures)
  if failures < rules.breaker then return rules.backoff * 2 ^ (failures - 1) end
  return math.min(rules.cool * 2 ^ math.min(failures - rules.breaker, 10), rules.longest_cool)
end

local function has_place(service)
  local held = 0
  for _, lease in ipairs(card.leases) do
    if lease.ticket.service == service then held = held + 1 end
  end
  return held < (service == OLLAMA and rules.slots or 1)
end

local ops = {}

function ops.enqueue(given)
  local asked = given.ticket
  local id = ticket_id(asked)
  local held = lease_of(id)
  if held then
    held.again = held.claimed_at > 0
    answer = "held"
    return
  end
  for _, waiting in ipairs(card.tickets) do
    if ticket_id(waiting) == id then
      answer = "waiting"
      return
    end
  end
  card.seq = card.seq + 1
  asked.seq, asked.at = card.seq, now
  if #card.tickets == 0 then card.moved_at = now end
  card.tickets[#card.tickets + 1] = asked
  tell("queued", {ticket = id, user = asked.user_id, stage = asked.stage})
  answer = "queued"
end

function ops.cancel(given)
  answer = false
  for place, ticket in ipairs(card.tickets) do
    if ticket_id(ticket) == given.ticket_id then
      table.remove(card.tickets, place)
      answer = true
      break
    end
  end
  if answer then tell("cancelled", {ticket = given.ticket_id}) end
end

function ops.claim(given)
  local held = find(given.held_id)
  answer = held ~= nil and held.claimed_at == 0
  if answer then held.claimed_at, held["until"] = now, now + rules.ttl end
end

local function adopt(told)
  local forgotten = told.token < card.born or told.token > card.token
  if not told.ticket or not forgotten then return nil end
  local service, id = told.ticket.service, ticket_id(told.ticket)
  for _, other in ipairs(card.leases) do
    if ticket_id(other.ticket) == id or other.ticket.service ~= service then return nil end
  end
  if card.switch and card.switch.to ~= service then return nil end
  if (card.resident ~= UNKNOWN and card.resident ~= service) or not has_place(service) then return nil end
  for place, ticket in ipairs(card.tickets) do
    if ticket_id(ticket) == id then
      table.remove(card.tickets, place)
      break
    end
  end
  card.token = math.max(card.token, told.token)
  if rules.handoff == "exclusive" and not card.switch then card.resident = service end
  told.again, told["until"] = false, now + rules.ttl
  card.leases[#card.leases + 1] = told
  tell("adopted", {ticket = id})
  return told
end

function ops.renew(given)
  answer = {}
  for _, told in ipairs(given.held) do
    local held = find_of(told) or adopt(told)
    if held then held["until"] = now + rules.ttl else answer[#answer + 1] = told.id end
  end
end

function ops.check(given) answer = (find_of(given.held) or adopt(given.held)) ~= nil end

function ops.release(given)
  local lease, claimed_at = find(given.lease_id), given.claimed_at or 0
  local others = lease and claimed_at > 0 and lease.claimed_at > 0 and lease.claimed_at ~= claimed_at
  answer = lease ~= nil and lease.ticket ~= nil and not others
  if answer then
    finish(lease, given.used)
    tell("released", {ticket = ticket_id(lease.ticket), used = given.used, stage = lease.ticket.stage, images = lease.ticket.images or 0})
  end
end

function ops.switched(given)
  local switch = card.switch
  answer = switch ~= nil and switch.id == given.switch_id
  if answer then
    settle(switch.to)
    card.broken[switch.to] = nil
    card.switch = nil
    tell("switched", {to = switch.to, before = switch.before, took = now - switch.at, parts = given.parts})
  end
end

function ops.failed(given)
  local switch = card.switch
  answer = switch ~= nil and switch.id == given.switch_id
  if answer then
    end_switch(given.resident)
    card.wish = ""
    local broken = card.broken[switch.to] or {failures = 0}
    card.broken[switch.to] = broken
    broken.failures = broken.failures + 1
    broken.reason, broken["until"] = given.reason, now + pause_after(broken.failures)
    local opened = broken.failures >= rules.breaker
    tell("switch_failed", {to = switch.to, reason = given.reason, failures = broken.failures, opened = opened})
  end
end

function ops.see(given)
  if #card.leases == 0 and not card.switch and card.resident ~= given.resident then
    tell("seen", {resident = given.resident, believed = card.resident})
    card.resident = given.resident
    grant_wish()
  end
end

function ops.measure(given) card.memory = {free = given.free, held = given.held, at = now} end

function ops.recall(given)
  for user_id, ms in pairs(given.used) do
    if not card.used[user_id] then card.used[user_id] = {ms = ms, at = now} end
  end
end

function ops.wish(given)
  if card.resident == wished(given.service) and not card.switch then
    answer = "there"
  elseif card.borrow then
    answer = "borrowed"
  elseif #card.leases > 0 and not given.force then
    answer = "busy"
  else
    if given.force then
      for _, lease in ipairs(copied(card.leases)) do
        finish(lease, now - lease.at)
        take_away(lease.id)
        tell("taken", {ticket = ticket_id(lease.ticket)})
      end
    end
    card.wish = given.service
    card.broken[wished(given.service)] = nil
    answer = "asked"
  end
end

function ops.borrow(given)
  answer = card.borrow == nil or card.borrow.user_id == given.user_id
  if answer then
    card.borrow = {user_id = given.user_id, service = given.service, at = now, ["until"] = now + given.ms}
    card.wish = ""
    card.broken[given.service] = nil
    tell("borrowed", {user = given.user_id, service = given.service, ms = given.ms})
  end
end

local function return_card()
  card.borrow = nil
  if card.resident == NOBODY then card.resident = UNKNOWN end
  tell("returned", {})
end

function ops.give_back(given)
  if not card.borrow then
    answer = "nothing"
  elseif type(given.user_id) == "number" and card.borrow.user_id ~= given.user_id then
    answer = "not_yours"
  else
    return_card()
    answer = "returned"
  end
end

function ops.pause(given)
  if card.paused ~= given.on then
    card.paused = given.on
    tell(given.on and "paused" or "resumed", {})
  end
end

function ops.drain(given)
  if card.draining ~= given.on then
    card.draining = given.on
    tell(given.on and "draining" or "open", {})
  end
end

function ops.retry(given)
  local service = wished(given.service)
  answer = card.broken[service] ~= nil
  card.broken[service] = nil
end

function ops.tick() end

-- Time

local function reap()
  for _, lease in ipairs(copied(card.leases)) do
    if lease["until"] <= now then
      if lease.claimed_at > 0 then
        finish(lease, now - lease.claimed_at)
        take_away(lease.id)
        tell("expired", {ticket = ticket_id(lease.ticket)})
      else
        remove(card.leases, lease)
        card.tickets[#card.tickets + 1] = lease.ticket
        tell("unclaimed", {ticket = ticket_id(lease.ticket)})
      end
    end
  end
  if card.switch and card.switch["until"] <= now then
    take_away(card.switch.id)
    tell("switch_lost", {to = card.switch.to})
    end_switch(UNKNOWN)
  end
  if card.borrow and card.borrow["until"] <= now then return_card() end
end

-- Order

local function first(tickets, key)
  local best, best_key
  for _, ticket in ipairs(tickets) do
    local this = key(ticket)
    local better = best == nil
    if not better then
      for place, value in ipairs(this) do
        if value ~= best_key[place] then
          better = value < best_key[place]
          break
        end
      end
    end
    if better then best, best_key = ticket, this end
  end
  return best
end

local function only(tickets, keep)
  local kept = {}
  for _, ticket in ipairs(tickets) do
    if keep(ticket) then kept[#kept + 1] = ticket end
  end
  return kept
end

local function at_stage(tickets, stage)
  return only(tickets, function(ticket) return ticket.stage == stage end)
end

local policies = {}

function policies.fifo(waiting)
  return first(waiting, function(ticket) return {ticket.seq} end)
end

function policies.strict(waiting)
  return first(waiting, function(ticket) return {-ticket.priority, ticket.seq} end)
end

local function fairly(tickets)
  return first(tickets, function(ticket)
    return {-ticket.priority, used_ms(ticket.user_id) - (now - ticket.at), ticket.seq} -- waiting pays for use
  end)
end

function policies.household(waiting)
  local draws, thinks, chats = at_stage(waiting, "draw"), at_stage(waiting, "think"), at_stage(waiting, "chat")
  local rest = only(waiting, function(ticket) return ticket.stage ~= "draw" end)
  if #draws == 0 or #rest == 0 then
    local chats_due = #thinks > 0 and #chats > 0 and card.thought >= rules.think_batch
    return fairly(chats_due and chats or waiting)
  end
  if card.resident == COMFYUI then
    local others_due = (#chats > 0 and card.drawn > 0) or (#thinks > 0 and card.drawn >= rules.think_batch)
    return fairly(others_due and rest or draws)
  end
  if #thinks > 0 and card.thought < rules.think_batch then return fairly(thinks) end
  local due = only(chats, function(chat) return chat.seq <= card.turn end)
  return fairly(#due > 0 and due or draws)
end

-- Decisions

local function next_ticket()
  if card.paused or card.borrow then return nil end
  local waiting = only(card.tickets, function(ticket) return not is_broken(ticket.service) end)
  if rules.handoff ~= "exclusive" then
    waiting = only(waiting, function(ticket) return has_place(ticket.service) end)
  end
  local busy = only(waiting, function(ticket) return ticket.stage ~= "idle" end)
  if #busy == 0 and rules.handoff == "exclusive" and card.resident ~= OLLAMA then return nil end
  return policies[rules.policy](#busy > 0 and busy or waiting)
end

local function goes_home()
  if not rules.restore or card.resident == NOBODY then return false end
  return card.resident == UNKNOWN or now - card.drew_at >= rules.grace
end

local function target(ticket)
  if #card.leases > 0 or (rules.handoff ~= "exclusive" and not card.borrow and card.wish == "") then return nil end
  local wanted
  if card.borrow then
    wanted = card.borrow.service
  elseif card.wish ~= "" then
    wanted = wished(card.wish)
  elseif card.paused then
    return nil
  elseif ticket then
    wanted = ticket.service
  else
    wanted = goes_home() and OLLAMA or card.resident
  end
  if wanted == card.resident or is_broken(wanted) then return nil end
  return wanted
end

local function may_start(ticket)
  if not has_place(ticket.service) then return false end
  if rules.handoff == "none" then return true end
  if rules.handoff == "exclusive" and ticket.service ~= card.resident then return false end
  local memory = card.memory
  local known = memory.at > 0 and now - memory.at <= rules.fresh
  return not known or memory.free + memory.held >= rules.min_free_mb
end

local function count_turn(stage)
  local draws, chats = #at_stage(card.tickets, "draw"), #at_stage(card.tickets, "chat")
  if stage == "think" and draws + chats > 0 then
    card.thought = card.thought + 1
  elseif stage == "chat" and (draws == 0 or rules.handoff ~= "exclusive") then
    card.thought = 0
  elseif stage == "draw" then
    card.drawn = card.drawn + 1
  end
end

local function grant(ticket)
  remove(card.tickets, ticket)
  local token = next_token()
  local lease = {
    id = "lease-" .. digits(token), token = token, ticket = ticket,
    at = now, ["until"] = now + rules.claim, claimed_at = 0, again = false,
  }
  count_turn(ticket.stage)
  card.leases[#card.leases + 1] = lease
  card.moved_at = now
  if rules.handoff ~= "exclusive" and ticket.service ~= card.resident then card.resident = UNKNOWN end
  grants[#grants + 1] = lease
  tell("granted", {ticket = ticket_id(ticket), waited = now - ticket.at, stage = ticket.stage})
end

local function begin_switch(to, warm)
  local token = next_token()
  begun = {
    id = "switch-" .. digits(token), token = token, to = to, before = card.resident,
    at = now, ["until"] = now + rules.claim, claimed_at = 0, warm = warm,
  }
  card.switch = begun
  tell("switching", {to = to, before = begun.before})
end

local function pump()
  while not card.switch do
    local ticket = next_ticket()
    local to = target(ticket)
    if to then
      begin_switch(to, ticket == nil)
    elseif ticket and may_start(ticket) then
      grant(ticket)
    else
      return
    end
  end
end

reap()
ops[ARGV[1]](cjson.decode(ARGV[2]))
pump()

local document = cjson.encode(card)
redis.call("SET", KEYS[1], document)
for _, event in ipairs(events) do
  if IN_DIARY[event.type] and (event.type ~= "released" or event.stage == "draw") then
    redis.call("XADD", KEYS[2], "MAXLEN", "~", DIARY_LENGTH, "*", "f", cjson.encode(event))
  end
  redis.call("HINCRBY", KEYS[3], event.type, 1)
end
return cjson.encode({
  now = now, answer = answer, grants = grants, switch = begun, events = events, card = document,
})
