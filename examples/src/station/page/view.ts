/// <reference lib="dom" />
// Knows how the steps of one connection fill the page: sign, points, diagram, wire, Accept, frames.
import { drawDiagram } from './diagram.ts'
import { byId, h, sectionLink } from './dom.ts'
import { sectionUrl } from './explain.ts'
import { showData, showFrame, showUnit, tellFrame } from './frame-view.ts'
import { statusOf } from './http.ts'
import type { Step } from './reader.ts'
import { describeRow, rowsOf, saysBytes } from './rows.ts'
import { type Exchange, showExchange } from './wire-view.ts'

/** Entries kept on the page; older ones go. */
const maxEntries = 200

export class View {
  readonly #steps: Step[] = []
  #client = 'client'
  #live = false
  #protocol = ''
  #entries = 0
  #drawnRows = 0
  #drawing = false
  #lost = false

  constructor() {
    // What scrolls must be within reach of the keyboard.
    byId('frames').tabIndex = 0
    new ResizeObserver(() => this.#drawSoon()).observe(byId('diagram'))
  }

  /** An empty page for a new connection. `live`: the visitor speaks on it, so the newest stays in sight. */
  reset(client: string, live: boolean): void {
    this.#live = live
    this.#steps.length = 0
    this.#client = client
    this.#protocol = ''
    this.#entries = 0
    this.#drawnRows = 0
    this.#lost = false
    byId('frame-list').replaceChildren()
    byId('frame-news').textContent = ''
    this.#showSign()
    this.#showMessages()
    this.#showCount()
    this.#drawSoon()
  }

  add(step: Step): void {
    this.#steps.push(step)
    if (step.kind === 'request' || step.kind === 'response') {
      this.#showMessages()
      this.#showSign()
    }
    if (step.kind === 'switch') this.#protocol = step.protocol
    if (step.kind === 'frame' || step.kind === 'unit' || step.kind === 'data') this.#addEntry(step)
    this.#showCount()
    this.#drawSoon()
  }

  /** Nobody is there to answer: says so to whoever waits. */
  lose(): void {
    this.#lost = true
    this.#showSign()
  }

  #exchanges(): Exchange[] {
    const requests = this.#steps.flatMap((step) => (step.kind === 'request' ? [step.message] : []))
    const responses = this.#steps.flatMap((step) =>
      step.kind === 'response' && !isInterim(statusOf(step.message.head)) ? [step.message] : [],
    )
    const count = Math.max(1, requests.length, responses.length)
    return Array.from({ length: count }, (_, index) => ({
      request: requests[index],
      response: responses[index],
    }))
  }

  #showMessages(): void {
    const exchanges = this.#exchanges()
    byId('exchanges').replaceChildren(
      ...exchanges.map((exchange, index) => showExchange(exchange, index + 1, exchanges.length)),
    )
  }

  #showSign(): void {
    const head = this.#exchanges()[0]?.response?.head
    const status = head === undefined ? 0 : statusOf(head)
    if (status === 0 && this.#lost) return this.#showLoss()
    const tunnel = head?.over !== undefined && status === 200
    const line = status === 0 ? 'idle' : status === 101 || tunnel ? 'branch' : status >= 400 ? 'stop' : 'main'
    byId('sign').dataset.line = line
    byId('sign-status').textContent = status === 0 ? '…' : String(status)
    const words = tunnel ? 'Extended CONNECT' : (head?.start.split(' ').slice(2).join(' ') ?? 'on its way')
    byId('sign-words').textContent = words
    document.querySelector<SVGElement>('.points')!.dataset.line = line
    const chosen = tunnel ? 'websocket' : head?.fields.find(([name]) => name.toLowerCase() === 'upgrade')?.[1]
    byId('points-branch').textContent =
      line === 'branch' && chosen !== undefined ? chosen : 'another protocol'
    byId('status').textContent =
      status === 0
        ? ''
        : `${status} ${words}. ${tunnel ? 'The stream now carries WebSocket.' : outcomes[line]}`
  }

  #showLoss(): void {
    byId('sign').dataset.line = 'stop'
    document.querySelector<SVGElement>('.points')!.dataset.line = 'stop'
    byId('sign-status').textContent = '–'
    byId('sign-words').replaceChildren(
      'The station does not answer. Is ',
      h('code', {}, 'npm start'),
      ' still running?',
    )
    byId('status').textContent = 'The station does not answer. Is `npm start` still running?'
  }

  #addEntry(step: Step & { kind: 'frame' | 'unit' | 'data' }): void {
    const list = byId('frame-list')
    const panel = byId('frames')
    // Keeps the newest in sight, unless the reader has scrolled back.
    const atEnd = panel.scrollHeight - panel.scrollTop - panel.clientHeight < 40
    list.append(
      step.kind === 'frame'
        ? showFrame(step.from, step.atMs, step.frame)
        : step.kind === 'unit'
          ? showUnit(step.from, step.atMs, step.unit)
          : showData(step.from, step.atMs, step.bytes, this.#protocol),
    )
    this.#entries += 1
    if (list.childElementCount > maxEntries) list.firstElementChild?.remove()
    if (this.#live && atEnd) panel.scrollTop = panel.scrollHeight
    byId('frame-news').textContent =
      step.kind === 'frame'
        ? tellFrame(step.from, step.frame)
        : `From the ${step.from}: ${step.kind === 'unit' ? step.unit.label : saysBytes(step.bytes)}`
  }

  #showCount(): void {
    const layout = layouts.find(({ protocol }) => protocol.test(this.#protocol))
    const noun = `${layout?.noun ?? 'piece'}${this.#entries === 1 ? '' : 's'}`
    byId('after-count').textContent = this.#entries === 0 ? '' : `${this.#entries} ${noun}.`
    const rules = layout?.sections.flatMap(([says, section]) => [
      `${says}: `,
      sectionLink(section, sectionUrl(section)),
      ' ',
    ])
    byId('after-rules').replaceChildren(...(rules ?? []))
    byId('after-full').hidden = !this.#steps.some(({ kind }) => kind === 'full')
    const empty = byId('frames-empty')
    empty.hidden = this.#entries > 0
    const answered = this.#steps.some(({ kind }) => kind === 'response')
    const switched = this.#protocol !== ''
    empty.textContent = switched
      ? 'The line is open; nothing has been sent yet.'
      : answered
        ? 'No switch, so nothing follows: the connection stays with HTTP/1.1.'
        : 'Nothing yet.'
  }

  /** At most one drawing a picture of the screen, however many steps come. */
  #drawSoon(): void {
    if (this.#drawing) return
    this.#drawing = true
    requestAnimationFrame(() => {
      this.#drawing = false
      this.#draw()
    })
  }

  #draw(): void {
    const place = byId('diagram')
    const rows = rowsOf(this.#steps)
    const widthPx = Math.max(280, Math.floor(place.clientWidth))
    const picture = drawDiagram({ rows, widthPx, client: this.#client, newFrom: this.#drawnRows })
    const words = h('ol', { class: 'sr-only' }, ...rows.map((row) => h('li', {}, describeRow(row))))
    place.replaceChildren(picture, words)
    this.#drawnRows = rows.length
  }
}

/** 100 and its like answer no request; 101 does. */
function isInterim(status: number): boolean {
  return status >= 100 && status < 200 && status !== 101
}

/** How the bytes after the switch are cut, and where that is written. */
const layouts = [
  {
    protocol: /^websocket$/i,
    noun: 'frame',
    sections: [
      ['Layout', 'RFC 6455 section 5.2'],
      ['Masks', 'RFC 6455 section 5.3'],
    ],
  },
  {
    protocol: /^h2c$/i,
    noun: 'frame',
    sections: [
      ['Layout', 'RFC 9113 section 4.1'],
      ['Stream 1', 'RFC 7540 section 3.2'],
    ],
  },
  { protocol: /^tls\//i, noun: 'record', sections: [['Layout', 'RFC 8446 section 5.1']] },
] as const

const outcomes = {
  idle: '',
  branch: 'The connection has switched.',
  main: 'The connection stays with HTTP/1.1.',
  stop: 'Refused: no switch.',
} as const
