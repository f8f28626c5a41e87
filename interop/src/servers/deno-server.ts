// Knows Deno.serve. Runs on Deno.

interface DenoSocket {
  binaryType: string
  send(data: string | ArrayBuffer): void
  close(code?: number, reason?: string): void
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: string | ArrayBuffer }) => void) | null
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null
}

declare const Deno: {
  serve(
    options: {
      readonly hostname: string
      readonly port: number
      onListen(address: { readonly port: number }): void
    },
    handler: (request: Request) => Response,
  ): unknown
  upgradeWebSocket(request: Request): { readonly socket: DenoSocket; readonly response: Response }
}

Deno.serve(
  { hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(JSON.stringify({ port })) },
  (request) => {
    const { pathname, searchParams } = new URL(request.url)
    const { socket, response } = Deno.upgradeWebSocket(request)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      if (pathname !== '/close') return
      const code = searchParams.get('code')
      if (code === null) socket.close()
      else socket.close(Number(code), searchParams.get('reason') ?? '')
    }
    socket.onmessage = ({ data }) => socket.send(data)
    socket.onclose = ({ code, reason }) => console.log(JSON.stringify({ code, reason }))
    return response
  },
)
