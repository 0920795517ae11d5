"""A stdio server written by hand, so that it can break every rule. Its argument is a JSON object that says how."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

GIVEN = sys.argv[1]
WISH: dict[str, Any] = json.loads(Path(GIVEN[1:]).read_text() if GIVEN.startswith("@") else GIVEN)
LOCK = threading.Lock()
received: list[Any] = []


def send(message: dict[str, Any]) -> None:
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def call(message: dict[str, Any], line: str) -> None:
    params = message["params"]
    name, token = params["name"], (params.get("_meta") or {}).get("progressToken")
    for step in WISH.get("progress", {}).get(name, []):
        send({"method": "notifications/progress", "params": {"progressToken": token, **step}})
        time.sleep(WISH.get("pause", 0))
    WISH["tools"] = WISH.get("later", {}).get(name, WISH.get("tools"))
    for notification in WISH.get("notify", {}).get(name, []):
        send(notification)
    result = WISH.get("results", {}).get(name)
    if name in WISH.get("tasks", ()):
        send({"id": message["id"], "result": {"task": task("working")}} if "task" in params else no(message))
    elif name in WISH.get("errors", {}):
        send({"id": message["id"], "error": WISH["errors"][name]})
    elif name in WISH.get("lines", {}):
        with LOCK:
            sys.stdout.write(WISH["lines"][name].replace("ID", str(message["id"])) + "\n")
            sys.stdout.flush()
    elif result != "never":
        echo = {"content": [{"type": "text", "text": line}]}
        send({"id": message["id"], "result": result or echo})


def no(message: dict[str, Any]) -> dict[str, Any]:
    return {"id": message["id"], "error": {"code": -32601, "message": f"no method {message['method']}"}}


def task(status: str) -> dict[str, Any]:
    when = "2026-01-01T00:00:00Z"
    about = {"taskId": "t1", "createdAt": when, "lastUpdatedAt": when, "ttl": None, "pollInterval": 10}
    return about | {"status": status}


def initialized(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "protocolVersion": WISH.get("version", message["params"]["protocolVersion"]),
        "capabilities": WISH.get("capabilities", {"tools": {}}),
        "serverInfo": {"name": "raw", "version": "1"},
        "instructions": WISH.get("instructions"),
    }


def page_of(kind: str, message: dict[str, Any]) -> dict[str, Any]:
    first = int((message.get("params") or {}).get("cursor") or 0)
    end = first + WISH.get("page", 1000)
    more = {"nextCursor": str(end)} if end < len(WISH[kind]) else {}
    return {kind: WISH[kind][first:end], **more}


def probed(message: dict[str, Any]) -> None:
    """Before `initialize`."""
    sys.stderr.write("the server did not expect this\n")
    sys.stderr.flush()
    if WISH.get("probe") == "exit":
        sys.exit(1)
    if WISH.get("probe") != "silent":
        send(no(message))


def main() -> None:  # noqa: C901 - one case for each method
    polls = 0
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "server/discover":
                probed(message)
            case "initialize":
                send({"id": message["id"], "result": initialized(message)})
            case "tools/list" if "tools" in WISH:
                send({"id": message["id"], "result": {"tools": WISH["tools"]}})
            case "tools/call":
                threading.Thread(target=call, args=(message, line), daemon=True).start()
            case "tasks/get":
                polls += 1
                send({"id": message["id"], "result": task("working" if polls < 3 else "completed")})
            case "tasks/result":
                send({"id": message["id"], "result": {"content": [{"type": "text", "text": "the task's result"}]}})
            case "resources/list" if "resources" in WISH:
                send({"id": message["id"], "result": page_of("resources", message)})
            case "resources/read" if "resources" in WISH:
                send({"id": message["id"], "result": {"contents": [WISH["contents"]]}})
            case _ if "id" in message and "method" in message:
                send(no(message))


if __name__ == "__main__":
    main()
