// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { MarkdownView, renderMarkdown } from '../../src/core/markdown';

function html(text: string): string {
  const host = document.createElement('div');
  host.append(renderMarkdown(text));
  return host.innerHTML;
}

describe('renderMarkdown', () => {
  it('renders what models write', () => {
    expect(html('# A\n\n**b** *c* `d` ~~e~~')).toContain('<h1>A</h1>');
    expect(html('|a|b|\n|-|:-:|\n|1|2|')).toContain('<td align="center">2</td>');
    expect(html('- [x] done\n- [ ] open')).toMatch(/☑ .*done[\s\S]*☐ .*open/);
    expect(html('```python\nprint("<b>")\n```')).toContain('<code data-language="python">print("&lt;b&gt;")</code>');
    expect(html('a<br>b H<sub>2</sub>O')).toContain('H<sub>2</sub>O');
    expect(html('한글 **굵게** 中文 😀')).toContain('<strong>굵게</strong>');
  });

  it('finds formulas and leaves money alone', () => {
    expect(html('so $a_1 < b$ holds')).toContain('<span data-math="inline" class="math">a_1 &lt; b</span>');
    expect(html('\\(x*y*z\\)')).toContain('>x*y*z</span>');
    expect(html('\n$$\n\\int_0^1 x\n$$\n')).toContain('data-math="block"');
    expect(html('text\n\\[ x \\]\nmore')).toContain('<p>text</p>\n<p><span data-math="block" class="math math-block">x</span></p><p>more</p>');
    expect(html('it costs $5 and $10.')).toBe('<p>it costs $5 and $10.</p>\n');
  });

  const hostile: Record<string, string> = {
    script: '<script>alert(1)</script>',
    'script in a block': '<div><script>alert(1)</script></div>',
    onerror: '<img src=x onerror=alert(1)>',
    'event handler': '<p onclick="alert(1)">x</p>',
    'javascript link': '[x](javascript:alert(1))',
    'javascript link, entities': '[x](java&#115;cript:alert(1))',
    'javascript link, tab': '<a href="java\tscript:alert(1)">x</a>',
    'javascript link, upper case': '<a href="JaVaScRiPt:alert(1)">x</a>',
    'data link': '[x](data:text/html,<script>alert(1)</script>)',
    'data html in html': '<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>',
    vbscript: '[x](vbscript:msgbox)',
    iframe: '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    'mathml trick': '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    'mathml link': '<math><maction actiontype="statusline" xlink:href="javascript:alert(1)">x</maction></math>',
    'svg script': '<svg><script>alert(1)</script></svg>',
    'svg use': '<svg><use href="data:image/svg+xml,<svg id=x onload=alert(1)>#x"></use></svg>',
    'svg animate': '<svg><a><animate attributeName=href values=javascript:alert(1) /><text>x</text></a></svg>',
    'noscript mutation': '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    'template': '<template><img src=x onerror=alert(1)></template>',
    style: '<style>body{display:none}</style><p style="position:fixed;inset:0">x</p>',
    'class of ours': '<div class="banner locked" id="app">x</div>',
    form: '<form action="https://evil.example"><input name=key><button>ok</button></form>',
    image: '![x](https://evil.example/pixel.png?secret)',
    'title breakout': '[x](https://a.example "\\" onmouseover=alert(1) \\"")',
    'language breakout': '```"onmouseover=alert(1)x\ncode\n```',
    'formula breakout': '$<img src=x onerror=alert(1)>$',
    'attribute on a tag of text': '<b onclick=alert(1)>x</b> <sub style="position:fixed">y</sub>',
    'tag within a tag': '<sc<b>ript>alert(1)</sc</b>ript>',
    meta: '<meta http-equiv=refresh content="0;url=https://evil.example"><base href="https://evil.example">',
  };
  const allowed = new Set('P BR HR H1 UL OL LI BLOCKQUOTE PRE CODE EM STRONG DEL A B SUB SPAN TABLE TBODY TR TD DIV'.split(' '));

  for (const [name, text] of Object.entries(hostile)) {
    it(`makes harmless: ${name}`, () => {
      for (const source of [text, `# a\n\n${text}\n\nb`, `- ${text}`, `| a |\n|-|\n| ${text} |`, `> ${text}`]) {
        const host = document.createElement('div');
        host.append(renderMarkdown(source));
        for (const element of Array.from(host.querySelectorAll('*'))) {
          if (!['TH', 'THEAD'].includes(element.tagName)) expect(allowed, source).toContain(element.tagName);
          expect(element.namespaceURI).toBe('http://www.w3.org/1999/xhtml');
          for (const { name: attribute, value } of Array.from(element.attributes)) {
            expect(attribute).not.toMatch(/^(on|style$|id$|src|name$|action)/);
            if (attribute === 'href') expect(value).toMatch(/^(https?:|mailto:)/);
            if (attribute === 'class') expect(value).toMatch(/^(math|math math-block|table-scroll)$/);
          }
        }
      }
    });
  }

  it.each(['> ', '- ', '1. ', '> - '])('shows thousands of %j in a row as they are', (mark) => {
    const text = `${mark.repeat(5000)}end`;
    const host = document.createElement('div');
    host.append(renderMarkdown(text));
    expect(host.querySelector('pre')?.textContent?.trimEnd()).toBe(text);
    expect(html(`${mark.repeat(3)}end`)).not.toContain('<pre');
    expect(html('-'.repeat(200))).toContain('<hr');
  });

  it('opens links apart, without telling where from', () => {
    expect(html('[a](https://a.example)')).toContain('rel="noopener noreferrer"');
  });
});

describe('MarkdownView', () => {
  const text =
    'Intro with $x$.\n\n- a\n\n- b\n  - c\n\n1. one\n2. two\n\n```js\nlet a = 1;\n\nlet b;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n' +
    '> quote\nlazy\n\nTitle\n=====\n\n$$\na\n$$\n\nend\r\nof it';

  it('shows the same as a rendering at once, however the text grows', () => {
    for (const step of [2, 7, 50]) {
      const host = document.createElement('div');
      const view = new MarkdownView(host);
      for (let at = step; at < text.length + step; at += step) view.update(text.slice(0, at));
      const whole = document.createElement('div');
      whole.append(renderMarkdown(text));
      const flat = (element: HTMLElement) => element.innerHTML.replace(/\n/g, '');
      expect(flat(host)).toBe(flat(whole));
    }
  });

  it('leaves settled blocks as they are', () => {
    const host = document.createElement('div');
    const view = new MarkdownView(host);
    view.update('one\n\ntwo\n\nthr');
    const first = host.querySelector('p');
    const last = host.querySelectorAll('p')[2];
    view.update('one\n\ntwo\n\nthree and more');
    expect(host.querySelector('p')).toBe(first);
    expect(host.querySelectorAll('p')[2]).not.toBe(last);
    expect(host.textContent).toContain('three and more');
  });

  it('starts anew when the text is another', () => {
    const host = document.createElement('div');
    const view = new MarkdownView(host);
    view.update('one\n\ntwo');
    view.update('other');
    expect(host.textContent?.trim()).toBe('other');
  });
});
