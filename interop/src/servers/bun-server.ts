// Knows Bun.serve. Runs on Bun.

interface BunSocket {
  readonly data: { readonly url: URL }
  send(data: string | Uint8Array): number
  close(code?: number, reason?: string): void
}

interface BunServer {
  readonly port: number
  upgrade(request: Request, options: { readonly data: BunSocket['data'] }): boolean
}

declare const Bun: {
  serve(options: {
    readonly hostname: string
    readonly port: number
    fetch(request: Request, server: BunServer): Response | undefined
    readonly websocket: {
      readonly perMessageDeflate: boolean
      open(socket: BunSocket): void
      message(socket: BunSocket, message: string | Uint8Array): void
      close(socket: BunSocket, code: number, reason: string): void
    }
  }): BunServer
}

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request, self) {
    if (self.upgrade(request, { data: { url: new URL(request.url) } })) return undefined
    return new Response('a WebSocket only', { status: 426 })
  },
  websocket: {
    perMessageDeflate: true,
    open(socket) {
      const { pathname, searchParams } = socket.data.url
      if (pathname !== '/close') return
      const code = searchParams.get('code')
      if (code === null) socket.close()
      else socket.close(Number(code), searchParams.get('reason') ?? '')
    },
    message: (socket, message) => void socket.send(message),
    close: (_socket, code, reason) => console.log(JSON.stringify({ code, reason })),
  },
})
console.log(JSON.stringify({ port: server.port }))
