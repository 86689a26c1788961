"""A stand-in of Google Cloud Storage on this machine: the JSON API over HTTP.

What gcsfs (files) and tensorstore (arrays of checkpoints) send to the real service goes
here instead, by the variables of ``Bucket.environment``. Objects live in memory; any
bucket exists, except those whose name begins with 'no-' (404) or 'forbidden-' (403).
"""

import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

WHEN = "2026-01-01T00:00:00.000Z"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Nothing: a client that was killed is no trouble."""


class Bucket:
    """All buckets. objects: (bucket, name) -> (bytes, generation)."""

    def __init__(self):
        self.objects: dict[tuple[str, str], tuple[bytes, int]] = {}
        self.generations, self.sessions = count(1), {}
        self.lock = threading.RLock()
        self.server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.environment = {
            "STORAGE_EMULATOR_HOST": self.url,
            "TENSORSTORE_GCS_HTTP_URL": self.url,
            "GOOGLE_AUTH_TOKEN_FOR_TESTING": "token",
        }

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def put(self, key, data):
        with self.lock:
            self.objects[key] = data, next(self.generations)
            return self.describe(key)

    def names(self, prefix):
        """Of objects, as gs:// has them without it."""
        with self.lock:
            return sorted(
                f"{b}/{n}" for b, n in self.objects if f"{b}/{n}".startswith(prefix)
            )

    def describe(self, key):
        data, generation = self.objects[key]
        return {
            "kind": "storage#object",
            "bucket": key[0],
            "name": key[1],
            "id": f"{key[0]}/{key[1]}/{generation}",
            "size": str(len(data)),
            "generation": str(generation),
            "metageneration": "1",
            "contentType": "application/octet-stream",
            "updated": WHEN,
            "timeCreated": WHEN,
            "etag": str(generation),
        }


def _handler(store):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def reply(self, code, body=b"", **headers):
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
                headers["Content-Type"] = "application/json"
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def error(self, code, text):
            self.reply(code, {"error": {"code": code, "message": text}})

        def handle_one(self):
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            parts = [urllib.parse.unquote(p) for p in url.path.strip("/").split("/")]
            while parts and parts[0] != "b":
                parts.pop(0)
            bucket = parts[1] if len(parts) > 1 else ""
            if bucket.startswith("no-"):
                return self.error(404, "The specified bucket does not exist.")
            if bucket.startswith("forbidden-"):
                return self.error(403, "storage.objects.get denied")
            with store.lock:
                return self.answer(parts, query, body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_one

        def answer(self, parts, query, body):
            if "upload_id" in query:
                return self.go_on(query["upload_id"], body)
            if "rewriteTo" in parts:
                at = parts.index("rewriteTo")
                source, target = (parts[1], parts[3]), (parts[at + 2], parts[at + 4])
                if source not in store.objects:
                    return self.error(404, "No such object")
                made = store.put(target, store.objects[source][0])
                size = made["size"]
                return self.reply(
                    200,
                    {
                        "done": True,
                        "resource": made,
                        "objectSize": size,
                        "totalBytesRewritten": size,
                    },
                )
            if len(parts) == 2:
                return self.reply(200, {"kind": "storage#bucket", "name": parts[1]})
            if len(parts) == 3 and self.command == "POST":
                return self.upload(parts[1], query, body)
            if len(parts) == 3:
                return self.list(parts[1], query)
            return self.object((parts[1], "/".join(parts[3:])), query)

        def object(self, key, query):
            if key not in store.objects:
                return self.error(404, "No such object")
            data, generation = store.objects[key]
            if query.get("ifGenerationNotMatch") == str(generation):
                return self.reply(304)
            if not self.wanted(key, query):
                return self.error(412, "Precondition Failed")
            if self.command == "DELETE":
                del store.objects[key]
                return self.reply(204)
            if query.get("alt") != "media":
                return self.reply(200, store.describe(key))
            marks = {"x_goog_generation": generation, "ETag": generation}
            span = self.headers.get("Range", "")
            if not span:
                return self.reply(200, data, **marks)
            first, _, last = span.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(0, len(data) - int(last))
            stop = int(last) + 1 if first and last else len(data)
            if start >= len(data):
                return self.reply(416, b"", Content_Range=f"bytes */{len(data)}")
            part = data[start:stop]
            end = start + len(part) - 1
            marks["Content_Range"] = f"bytes {start}-{end}/{len(data)}"
            return self.reply(206, part, **marks)

        def list(self, bucket, query):
            prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
            items, prefixes = [], set()
            for key in sorted(k for k in store.objects if k[0] == bucket):
                if not key[1].startswith(prefix):
                    continue
                rest = key[1][len(prefix) :]
                if delimiter and delimiter in rest:
                    prefixes.add(prefix + rest.split(delimiter)[0] + delimiter)
                else:
                    items.append(store.describe(key))
            found = {"kind": "storage#objects", "items": items}
            self.reply(200, found | {"prefixes": sorted(prefixes)})

        def wanted(self, key, query):
            asked = query.get("ifGenerationMatch")
            have = store.objects.get(key, (b"", 0))[1]
            return asked in (None, str(have))

        def upload(self, bucket, query, body):
            kind = query["uploadType"]
            if kind == "multipart":
                mark = self.headers["Content-Type"].split("boundary=")[1].strip("\"'")
                _, head, rest = body.split(b"--" + mark.encode(), 2)
                head = head.split(b"\r\n\r\n" if b"\r\n\r\n" in head else b"\n\n", 1)
                name = json.loads(head[1])["name"]
                gap = b"\r\n\r\n" if b"\r\n\r\n" in rest else b"\n\n"
                data = rest.split(gap, 1)[1]
                data = data[: data.rindex(b"--" + mark.encode())]
                body = data.removesuffix(b"\n").removesuffix(b"\r")
            else:
                name = query.get("name") or json.loads(body)["name"]
            key = (bucket, name)
            if kind == "resumable":
                session = str(next(store.generations))
                store.sessions[session] = key, bytearray()
                place = f"{store.url}/upload/storage/v1/b/{bucket}/o"
                return self.reply(
                    200,
                    {},
                    Location=f"{place}?uploadType=resumable&upload_id={session}",
                )
            if not self.wanted(key, query):
                return self.error(412, "Precondition Failed")
            return self.reply(200, store.put(key, body))

        def go_on(self, session, body):
            key, data = store.sessions[session]
            data += body
            total = self.headers.get("Content-Range", "*/*").rpartition("/")[2]
            if total in ("*", "") and "Content-Range" in self.headers:
                return self.reply(308, Range=f"bytes=0-{len(data) - 1}")
            del store.sessions[session]
            return self.reply(200, store.put(key, bytes(data)))

    return Handler
