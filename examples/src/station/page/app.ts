/// <reference lib="dom" />
// Knows what the visitor chose, sets the journey going, and hands what is heard from the wire to the view.
import { chosenIn, say, showBoard, showCode, showPerformer, showScenario } from './controls.ts'
import { byId } from './dom.ts'
import { follow } from './follow.ts'
import { ConnectionReader } from './reader.ts'
import { type Chosen, type Performer, type Scenario, scenarios, settle } from './scenarios.ts'
import { View } from './view.ts'

const clients: Readonly<Record<Performer, string>> = {
  browser: 'this browser',
  turnout: 'turnout’s client',
  hand: 'a plain socket',
}

interface Places {
  readonly http: number
  readonly https?: number
}

const view = new View()
const choices = byId<HTMLFormElement>('choices')
const compose = byId<HTMLFormElement>('compose')
const pingButton = compose.querySelector<HTMLButtonElement>('[data-send=ping]')!
/** The route that takes 'ping me' for a wish. */
const PINGS_BACK = '/demo/echo'
const message = byId<HTMLInputElement>('message')

/** Where the station is found over http, and over https if it is. */
const places = (await (await fetch('/places.json')).json()) as Places
const secure = location.protocol === 'https:'

let scenario: Scenario = scenarios[0]!
/** Ends the journey that the page shows. */
let leave: () => void = () => {}
let socket: WebSocket | undefined

showBoard(secure ? `http://${location.hostname}:${places.http}/` : '')
arrive()
window.addEventListener('hashchange', () => {
  arrive()
  // On a small screen the list fills it: go where the answer is.
  if (matchMedia('(max-width: 60rem)').matches) byId('result').scrollIntoView()
})
choices.addEventListener('change', depart)
choices.addEventListener('submit', (event) => {
  event.preventDefault()
  depart()
})
compose.addEventListener('submit', (event) => {
  event.preventDefault()
  socket?.send(message.value)
})
compose.addEventListener('click', ({ target }) => {
  if (target instanceof HTMLElement) sendSample(target.dataset.send)
})

/** The address names a scenario; else it is the first. */
function arrive(): void {
  const wanted = location.hash.slice(1)
  // The skip link's own address is no scenario.
  if (wanted === 'result') return
  scenario = scenarios.find(({ id }) => id === (secure ? 'http2' : wanted)) ?? scenarios[0]!
  showScenario(scenario, settle(scenario, {}))
  depart()
}

function depart(): void {
  leave()
  const tape = newTapeId()
  const chosen = settle(scenario, chosenIn(choices))
  const performer = scenario.performer(chosen, secure)
  showPerformer(scenario, chosen, secure, places.https)
  showCode(scenario, chosen, tape, secure ? `http://${location.hostname}:${places.http}` : location.origin)
  byId('said').replaceChildren()
  view.reset(clients[performer], performer === 'browser')
  const stop = watch(tape)
  const abort = new AbortController()
  leave = () => {
    stop()
    abort.abort()
    socket?.close(1000, 'another journey')
    socket = undefined
    compose.hidden = true
  }
  if (performer === 'browser') openSocket(tape, chosen, abort.signal)
  else void perform(tape, chosen, abort.signal)
}

/** Shows the tape's newest connection: the one of this journey, or a later one from a terminal. */
function watch(tape: string): () => void {
  let connection = 1
  let reader = new ConnectionReader()
  return follow(tape, (event) => {
    if (event.connection > connection) {
      connection = event.connection
      reader = new ConnectionReader()
      view.reset('another client', false)
    }
    if (event.connection < connection) return
    for (const step of reader.read(event)) view.add(step)
  })
}

function openSocket(tape: string, chosen: Chosen, signal: AbortSignal): void {
  const offer = chosen.offer?.split(', ') ?? []
  const origin = location.origin.replace(/^http/, 'ws')
  const opened = new WebSocket(`${origin}${scenario.path}?tape=${tape}`, offer)
  opened.binaryType = 'arraybuffer'
  socket = opened
  const mine = () => socket === opened
  opened.onopen = () => {
    if (!mine()) return
    compose.hidden = false
    pingButton.hidden = scenario.path !== PINGS_BACK
    say(`open: socket.protocol is '${opened.protocol}'`)
  }
  opened.onmessage = ({ data }) => {
    if (mine())
      say(typeof data === 'string' ? `message: '${shorten(data)}'` : `message: ${data.byteLength} bytes`)
  }
  opened.onerror = () => {
    if (mine()) say('error: the browser does not say why')
  }
  opened.onclose = ({ code, reason, wasClean }) => {
    if (!mine()) return
    say(`close: ${code}${reason === '' ? '' : ` '${reason}'`}, ${wasClean ? 'clean' : 'not clean'}`)
    socket = undefined
    // The focus must not fall out of the page with the field that it was in.
    if (compose.contains(document.activeElement)) choices.querySelector('button')?.focus()
    compose.hidden = true
    if (!wasClean) void lookForStation(signal)
  }
}

/** A browser does not say why a WebSocket failed; whether the station is there can be asked. */
async function lookForStation(signal: AbortSignal): Promise<void> {
  try {
    await fetch('/places.json', { signal })
  } catch {
    if (!signal.aborted) view.lose()
  }
}

/** What the browser cannot do, the server's own client does. */
async function perform(tape: string, chosen: Chosen, signal: AbortSignal): Promise<void> {
  const query = new URLSearchParams({ ...chosen, tape })
  try {
    const response = await fetch(`/run/${scenario.id}?${query}`, { method: 'POST', signal })
    const { said = [], error } = (await response.json()) as { said?: string[]; error?: string }
    for (const line of error === undefined ? said : [error]) say(line)
  } catch (error) {
    if (signal.aborted) return
    say(`the station does not answer: ${error}`)
    view.lose()
  }
}

function sendSample(kind: string | undefined): void {
  switch (kind) {
    case 'bytes':
      socket?.send(crypto.getRandomValues(new Uint8Array(4)))
      break
    case 'long':
      socket?.send('One track becomes two. '.repeat(14).slice(0, 300))
      break
    case 'ping':
      socket?.send('ping me')
      break
    case 'close':
      socket?.close(1000, 'end of the line')
      break
  }
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`
}

/** Nobody guesses it, so nobody else reads along. */
function newTapeId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
