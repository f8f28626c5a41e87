"""Knows the server of websockets: /echo sends everything back, /close?code=…&reason=… closes at once."""

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import websockets


async def handle(socket, path):
    url = urlsplit(path)
    query = parse_qs(url.query)
    try:
        if url.path == "/close" and "code" in query:
            await socket.close(int(query["code"][0]), query.get("reason", [""])[0])
        elif url.path == "/close":
            await socket.write_close_frame(websockets.frames.Close(1005, ""), b"")
        else:
            async for message in socket:
                await socket.send(message)
    except websockets.ConnectionClosed:
        pass
    await socket.wait_closed()
    print(json.dumps({"code": socket.close_code, "reason": socket.close_reason}), flush=True)


async def main():
    async with websockets.serve(handle, "127.0.0.1", 0) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.Future()


asyncio.run(main())
