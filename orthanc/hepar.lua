-- Tells Hepar's companion server that something has arrived, so that it need not wait until it asks the next time.
--
-- In Orthanc's configuration:
--
--   "LuaScripts": ["/path/to/hepar.lua"],
--   "HttpTimeout": 1,
--   "Hepar": { "Url": "http://127.0.0.1:8700/webhooks/orthanc", "Secret": "what HEPAR_WEBHOOK_SECRET says" }
--
-- HttpTimeout is a must: Orthanc runs one Lua script at a time, and every request to it that looks at Lua waits for the one
-- that runs. A companion that does not answer costs a second for each series then, and nothing else: what it does not hear
-- of here it finds in Orthanc's feed of changes. Where a second is too long, hepar_webhook.py does the same without waiting.

local function tell(event, resource)
  local hepar = GetOrthancConfiguration()['Hepar']
  if hepar == nil or (hepar['Url'] or '') == '' or (hepar['Secret'] or '') == '' then
    return
  end
  local headers = { ['Content-Type'] = 'application/json', ['X-Hepar-Secret'] = hepar['Secret'] }
  -- The id of a resource is made of hexadecimal digits and hyphens: it can stand in JSON as it is.
  local body = '{"event": "' .. event .. '", "resource": "' .. resource .. '"}'
  HttpPost(hepar['Url'], body, headers)
end

-- Own results come in by the same way. They are no CT, and there is no need to tell of them.
function OnStableSeries(seriesId, tags, metadata)
  if tags['Modality'] == 'CT' then
    tell('stable-series', seriesId)
  end
end

function OnStableStudy(studyId, tags, metadata)
  tell('stable-study', studyId)
end
