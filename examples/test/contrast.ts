/// <reference lib="dom" />
// Knows how to tell text that is hard to read from the colours of a page (WCAG 2, success criterion 1.4.3).

/** Texts whose contrast to what is behind them is under 4.5 to 1. Runs in the page. */
export function weakContrasts(): string[] {
  type Colour = [red: number, green: number, blue: number, alpha: number]
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!
  const read = (colour: string): Colour => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data] as Colour
  }
  const luminance = ([red, green, blue]: Colour) => {
    const [r, g, b] = [red, green, blue].map((value) => {
      const part = value / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    }) as [number, number, number]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element: Element | null): Colour => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor)
      if (colour[3] === 255) return colour
    }
    return [255, 255, 255, 255]
  }
  const weak = new Set<string>()
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    const element = node.parentElement!
    if (!node.textContent?.trim() || element.closest('script, noscript, title') !== null) continue
    if (!element.checkVisibility()) continue
    const style = getComputedStyle(element)
    const ink = read(element instanceof SVGElement ? style.fill : style.color)
    const [light, dark] = [luminance(ink), luminance(behind(element))].sort((a, b) => b - a) as [
      number,
      number,
    ]
    const contrast = (light + 0.05) / (dark + 0.05)
    if (contrast < 4.5) weak.add(`${contrast.toFixed(2)} ${element.tagName}.${element.getAttribute('class')}`)
  }
  return [...weak]
}
