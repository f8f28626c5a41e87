"""Knows the server of websockets: /echo sends everything back, /close?code=…&reason=… closes at once."""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


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


def compression():
    """The parameters of permessage-deflate, if the command line names them; else the library's own choice."""
    if len(sys.argv) == 1:
        return {}
    return {"compression": None, "extensions": [ServerPerMessageDeflateFactory(**json.loads(sys.argv[1]))]}


async def main():
    async with websockets.serve(handle, "127.0.0.1", 0, **compression()) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.Future()


asyncio.run(main())
