"""Knows how to be told, line by line, what to do with the client of websockets."""

import asyncio
import json
import os
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from payload import payload  # noqa: E402


async def echo(url, protocols, payloads, deflate=None):
    """With deflate, the parameters of permessage-deflate: offers them. Without, no compression."""
    wrong = []
    extensions = [ClientPerMessageDeflateFactory(**deflate)] if deflate is not None else None
    async with websockets.connect(
        url, subprotocols=protocols or None, compression=None, extensions=extensions
    ) as socket:
        for description in payloads:
            sent = payload(description["kind"], description["bytes"])
            await socket.send(sent)
            if await socket.recv() != sent:
                wrong.append(f"{description['kind']} of {description['bytes']} bytes")
        protocol = socket.subprotocol or ""
        await socket.close(1000)
    return {"protocol": protocol, "same": len(payloads) - len(wrong), "wrong": wrong}


async def close(url, goodbye):
    async with websockets.connect(url) as socket:
        if goodbye.get("code") is None:
            # Without a code: an empty Close frame, which the library's own close() does not send.
            await socket.write_close_frame(websockets.frames.Close(1005, ""), b"")
            await socket.wait_closed()
        else:
            await socket.close(goodbye["code"], goodbye.get("reason") or "")
        return {"code": socket.close_code, "reason": socket.close_reason}


async def closed(url):
    async with websockets.connect(url) as socket:
        await socket.wait_closed()
        return {"code": socket.close_code, "reason": socket.close_reason}


async def main():
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        operation = command.pop("op")
        report = await {"echo": echo, "close": close, "closed": closed}[operation](**command)
        print(json.dumps(report), flush=True)


asyncio.run(main())
