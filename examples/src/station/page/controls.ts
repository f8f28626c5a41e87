/// <reference lib="dom" />
// Knows what the visitor can choose, and shows who performs it and with which code.
import { byId, h } from './dom.ts'
import { type Chosen, type Performer, type Scenario, scenarios } from './scenarios.ts'

/** The list of scenarios: links, so that each has an address and the back button works. */
/** `elsewhere`: the page over http, for what a browser on https cannot show. */
export function showBoard(elsewhere: string): void {
  byId('scenarios').replaceChildren(
    ...scenarios.map(({ id, title, status }) =>
      h(
        'li',
        {},
        h(
          'a',
          { href: id === 'http2' ? '#http2' : `${elsewhere}#${id}` },
          h('span', { class: 'board-title' }, title),
          h(
            'span',
            { class: 'board-status', 'data-line': id === 'http2' ? 'branch' : lineOf(status) },
            String(status),
          ),
        ),
      ),
    ),
  )
}

export function showScenario(scenario: Scenario, chosen: Chosen): void {
  for (const link of document.querySelectorAll('#scenarios a')) {
    if (link.getAttribute('href') === `#${scenario.id}`) link.setAttribute('aria-current', 'true')
    else link.removeAttribute('aria-current')
  }
  byId('scenario-title').textContent = scenario.title
  byId('scenario-about').textContent = scenario.about
  byId('choice-fields').replaceChildren(
    ...scenario.choices.map(({ name, label, options }) =>
      h(
        'fieldset',
        {},
        h('legend', {}, label),
        ...options.map((option) =>
          h(
            'label',
            {},
            h('input', {
              type: 'radio',
              name,
              value: option.value,
              ...(chosen[name] === option.value && { checked: '' }),
            }),
            h('span', {}, option.label),
          ),
        ),
      ),
    ),
  )
}

export function chosenIn(form: HTMLFormElement): Chosen {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]))
}

const performers: Readonly<Record<Performer, string>> = {
  browser: 'Sent by this browser.',
  turnout: 'A browser cannot send this; turnout’s own client does, on the server.',
  hand: 'No client should send this, and turnout’s never does: it is written by hand to a plain socket.',
}

export function showPerformer(
  scenario: Scenario,
  chosen: Chosen,
  secure: boolean,
  httpsPort: number | undefined,
): void {
  const performer = scenario.performer(chosen, secure)
  const remark = scenario.remark?.(chosen) ?? ''
  byId('remark').textContent = remark
  byId('remark').hidden = remark === ''
  // A choice that the browser could have performed as well needs no excuse.
  const byChoice = performer === 'turnout' && scenario.choices.some(({ name }) => name === 'by')
  byId('performer').textContent = byChoice
    ? 'Sent by turnout’s own client, on the server.'
    : performers[performer]
  if (scenario.id !== 'http2' || secure) return
  const url = `https://${location.hostname}:${httpsPort}/#http2`
  byId('performer').replaceChildren(
    'Sent by turnout’s own client. ',
    ...(httpsPort === undefined
      ? ['The station has no https port now.']
      : [
          'From this browser: ',
          h('a', { href: url }, url),
          ' (it will warn of a certificate made at start)',
        ]),
  )
}

/** `origin`: the page over http. */
export function showCode(scenario: Scenario, chosen: Chosen, tape: string, origin: string): void {
  const { client, server } = scenario.code(chosen)
  byId('code-client').textContent = client
  byId('code-server').textContent = server
  if (scenario.id === 'h2c') {
    byId('terminal').textContent = `curl -v --http2 '${origin}/demo/h2c?tape=${tape}'`
    return
  }
  byId('terminal').textContent = [
    'curl -i -N --http1.1 --max-time 3',
    `-H 'Connection: Upgrade' -H 'Upgrade: websocket'`,
    `-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='`,
    `--output - '${origin}/demo/echo?tape=${tape}'`,
  ].join(' \\\n  ')
}

/** One more line about what the client's code saw. */
export function say(line: string): void {
  byId('said').append(h('li', {}, h('code', {}, line)))
}

function lineOf(status: number): string {
  return status === 101 ? 'branch' : status >= 400 ? 'stop' : 'main'
}
