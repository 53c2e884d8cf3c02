"""Tells Hepar's companion server that something has arrived, without ever making Orthanc wait.

The same as hepar.lua for an Orthanc that has the Python plugin, with two things more: messages go through a queue and a
thread of their own, so that a companion that is slow or gone holds up nothing, and they are signed (HMAC-SHA256 over time
stamp and body), so that the secret never travels.

In Orthanc's configuration:

    "Plugins": [..., "libOrthancPython.so"],
    "PythonScript": "/path/to/hepar_webhook.py",
    "Hepar": { "Url": "http://127.0.0.1:8700/webhooks/orthanc", "Secret": "what HEPAR_WEBHOOK_SECRET says" }

Use one of the two, not both. A message that gets lost costs nothing: the companion finds what it does not hear of in
Orthanc's feed of changes.
"""

import hashlib
import hmac
import json
import queue
import threading
import time
import urllib.request

import orthanc

TIMEOUT_SECONDS = 5
# What does not fit in is dropped: every message says the same, that there is something new.
MESSAGES = queue.Queue(maxsize=100)
STOP = object()


def settings():
    found = json.loads(orthanc.GetConfiguration()).get('Hepar', {})
    return found.get('Url'), found.get('Secret')


def send(url, secret, message):
    body = json.dumps(message).encode()
    timestamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()
    headers = {
        'Content-Type': 'application/json',
        'X-Hepar-Timestamp': timestamp,
        'X-Hepar-Signature': signature,
    }
    request = urllib.request.Request(url, data=body, headers=headers, method='POST')
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass


def work():
    url, secret = settings()
    while True:
        message = MESSAGES.get()
        if message is STOP:
            return
        try:
            send(url, secret, message)
        except Exception as error:  # Whatever goes wrong here must not end the thread.
            orthanc.LogWarning(f'Hepar did not hear that something has arrived: {error}')


def on_change(change_type, level, resource):
    if change_type == orthanc.ChangeType.STABLE_SERIES:
        tell('stable-series', resource)
    elif change_type == orthanc.ChangeType.STABLE_STUDY:
        tell('stable-study', resource)
    elif change_type == orthanc.ChangeType.ORTHANC_STOPPED:
        MESSAGES.put(STOP)


def tell(event, resource):
    try:
        MESSAGES.put_nowait({'event': event, 'resource': resource})
    except queue.Full:
        pass


if all(settings()):
    threading.Thread(target=work, name='hepar', daemon=True).start()
    orthanc.RegisterOnChangeCallback(on_change)
else:
    orthanc.LogWarning('Hepar is told nothing: "Hepar": {"Url": …, "Secret": …} is missing in the configuration')
