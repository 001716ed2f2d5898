"""Receives webhooks of the order service: verifies them, handles every event once, and reads what it has missed from the
feed. It needs nothing but Python 3.9 or later:

    WEBHOOK_SECRET=whsec_… SINCE=4711 python3 receiver.py
"""

import base64
import hmac
import json
import os
import sqlite3
import time
import traceback
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlencode
from urllib.request import Request, urlopen

WEBHOOK_SECRET = os.environ["WEBHOOK_SECRET"]
# `read_until` of the response that created the endpoint: what came before is not missing.
SINCE = int(os.environ.get("SINCE", "0"))
# The same types as the endpoint's `events`, with commas in between; empty for all.
EVENT_TYPES = os.environ.get("EVENT_TYPES", "")
# How long an event may be late. Deliveries of different orders overtake each other.
GAP_SECONDS = float(os.environ.get("GAP_SECONDS", "30"))
SERVICE_URL = os.environ.get("SERVICE_URL", "http://localhost:8080")
API_KEY = os.environ.get("API_KEY", "")
DATABASE = os.environ.get("DATABASE", "receiver.db")
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "3000"))

# Bodies of the service are at most 256 kB.
MAX_BODY_BYTES = 1_000_000
# A signature that is older was recorded by someone and sent again.
MAX_AGE_SECONDS = 300

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS received (
  id TEXT PRIMARY KEY,
  feed_no INTEGER NOT NULL,
  waits_for INTEGER, -- the feed_no of the event before it, until that one has arrived
  received_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS received_feed_no ON received (feed_no);
CREATE INDEX IF NOT EXISTS received_waiting ON received (received_at) WHERE waits_for IS NOT NULL;
CREATE TABLE IF NOT EXISTS outbox (order_id TEXT NOT NULL, task TEXT NOT NULL);
"""


def connect():
    return closing(sqlite3.connect(DATABASE, timeout=10, isolation_level="IMMEDIATE"))


def is_genuine(headers, body):
    """Whether the service signed these bytes (Standard Webhooks 1.0)."""
    try:
        message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        if abs(time.time() - int(timestamp)) > MAX_AGE_SECONDS:
            return False
        key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
        signed = f"{message_id}.{timestamp}.".encode() + body
        expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
        # While a secret is rotated there is a signature for each of the two.
        given = headers["webhook-signature"].encode().split()
        return any(hmac.compare_digest(expected, signature) for signature in given)
    except (AttributeError, TypeError, ValueError):
        return False  # A header is missing or is no number.


def handle(event, previous_feed_no):
    """Handles an event unless it has been handled before. A crash loses both its id and its work, or neither."""
    with connect() as db, db:  # commits at its end, or rolls back
        row = (event["id"], event["feed_no"], previous_feed_no, time.time())
        if db.execute("INSERT INTO received VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount == 1:
            work(db, event)


def work(db, event):
    """Your part. What leaves this database, such as a mail, becomes a row that a worker sends after the commit."""
    if event["type"] == "order.confirmed":
        db.execute("INSERT INTO outbox VALUES (?, ?)", (event["order_id"], "pack"))


class Receiver(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        try:
            status = self.receive()
        except Exception:
            traceback.print_exc()
            status = 500
        self.send_response(status)  # any 2xx ends the retries of the service
        self.send_header("content-length", "0")
        self.end_headers()

    def receive(self):
        # The service names the length. Without it, a read would wait for the end of the connection.
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            return 411
        if int(length) > MAX_BODY_BYTES:
            return 413
        # The signature is of these bytes: parse them only afterwards.
        body = self.rfile.read(int(length))
        if not is_genuine(self.headers, body):
            return 401
        event = json.loads(body)
        if event["type"] != "webhook.test":
            handle(event, event["previous_feed_no"])
        print(f"received {event['type']} {event['id']}", flush=True)
        return 200

    def log_message(self, *_):
        pass


def find_gaps():
    """The events before which one is missing, the oldest first."""
    with connect() as db, db:
        db.execute(
            """UPDATE received AS r SET waits_for = NULL
            WHERE waits_for IS NOT NULL AND EXISTS (SELECT 1 FROM received WHERE feed_no = r.waits_for)"""
        )
        return db.execute(
            """SELECT id, waits_for,
              (SELECT coalesce(max(feed_no), ?) FROM received WHERE feed_no < r.feed_no)
            FROM received AS r WHERE waits_for IS NOT NULL AND received_at <= ? ORDER BY feed_no""",
            (SINCE, time.time() - GAP_SECONDS),
        ).fetchall()


def fill(event_id, until, start):
    """Handles the events of a gap in the order of the feed."""
    after = start
    while after < until:
        query = urlencode({"after": after, **({"types": EVENT_TYPES} if EVENT_TYPES else {})})
        request = Request(f"{SERVICE_URL}/events?{query}", headers={"x-api-key": API_KEY} if API_KEY else {})
        with urlopen(request, timeout=30) as response:
            page = json.load(response)
        for event in page["events"]:
            if event["feed_no"] <= until:
                handle(event, None)
        if page["next_after"] <= after:
            break
        after = page["next_after"]
    with connect() as db, db:
        db.execute("UPDATE received SET waits_for = NULL WHERE id = ?", (event_id,))
    print(f"filled the gap from {start + 1} to {until}", flush=True)


def fill_gaps():
    while True:
        time.sleep(min(10, GAP_SECONDS))
        try:
            for gap in find_gaps():
                fill(*gap)
        except Exception:
            traceback.print_exc()


if __name__ == "__main__":
    with connect() as database:
        database.executescript(SCHEMA)
    server = ThreadingHTTPServer((HOST, PORT), Receiver)
    Thread(target=fill_gaps, daemon=True).start()
    print(f"listening on {HOST}:{PORT}", flush=True)
    server.serve_forever()
