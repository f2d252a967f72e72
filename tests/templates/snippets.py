"""Small templates: a fixed list that names each feature, and random ones."""

MESSAGES = [
    {"role": "user", "content": "Hello, World"},
    {"role": "assistant", "content": " straße ΑΣ "},
]

VARIABLES = {
    "s": "Hello, Wörld! été",
    "t": "  a,b,,c \n d\te ",
    "e": "",
    "u": "x 👩‍💻 한국어\u2028z\u00a0",
    "n": 7,
    "m": -3,
    "z": 0,
    "f": 2.5,
    "g": -0.1,
    "big": 1e22,
    "yes": True,
    "no": False,
    "nil": None,
    "xs": [3, 1, 2, 10, -1],
    "ys": ["b", "A", "c", "a", "B"],
    "mixed": [1, "a", None, True, 2.5, [1], {"k": "v"}],
    "d": {"b": 2, "a": 1, "C": [1, 2], "items": "not the method"},
    "rows": [
        {"name": "x", "v": 3, "g": {"k": "p"}},
        {"name": "Y", "v": 1, "g": {"k": "q"}},
        {"name": "a", "v": 2, "g": {"k": "p"}, "extra": True},
    ],
    "empty": [],
    "nothing": {},
}

FIXED = r"""
{{ s[0] }}{{ s[-1] }}{{ s[100] }}|{{ s[2:5] }}|{{ s[::-1] }}|{{ s[-3:] }}|{{ s[5:2] }}|{{ s[::2] }}|{{ s[10:1:-3] }}
{{ u[2] }}{{ u[3:6] }}{{ u|length }}{{ u|reverse }}{{ u.split() }}{{ u.splitlines() }}
{{ xs[1:] }}{{ xs[::-1] }}{{ xs[-2:] }}{{ xs[:99] }}{{ (1, 2, 3)[1:] }}{{ xs[True] }}{{ xs['0'] }}
{{ xs[::0] }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 3 ** 2 }}
{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ -7.5 % 2 }} {{ 1e3 }} {{ 1_000 }} {{ 0x1f }} {{ 0b101 }} {{ 0o17 }} {{ 1e16 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ 100.0 }} {{ 1.5e300 * 1e10 }}
{{ 1 + true }} {{ true + true }} {{ 'a' * 3 }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ [1] + [2] }} {{ (1,) + (2, 3) }} {{ -'a' }}
{{ 1 / 0 }}
{{ 1 // 0 }}{{ 1 % 0 }}
{{ 'a' + 1 }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1, 'x'] }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 'a' == 1 }} {{ [1, 2] == [1, 2] }} {{ (1, 2) == [1, 2] }} {{ {'a': 1} == {'a': 1.0} }} {{ [1, 2] < [1, 3] }} {{ 1 < 'a' }}
{{ 'a' in 'cat' }} {{ 'x' not in 'cat' }} {{ 1 in xs }} {{ 'a' in d }} {{ 2 in d }} {{ 1 in 'a' }}
{{ 1 in missing }}{{ missing in xs }}{{ nil in mixed }}{{ 1 in 5 }}
{{ not true }} {{ not not 1 }} {{ 1 and 2 }} {{ 0 or 'x' }} {{ none or false }} {{ '' and 1 }}
{{ missing }}|{{ missing.x }}
{{ missing is defined }}{{ missing is undefined }}{{ d.x is defined }}{{ d.x.y is defined }}
{{ missing + 1 }}
{{ missing == missing2 }}{{ missing == none }}{{ missing != 1 }}{{ missing|length }}{{ missing|list }}{{ missing|upper }}|{{ missing|trim }}|{{ missing|join(',') }}|{{ missing|default('d') }}{{ nil|default('d') }}{{ nil|default('d', true) }}{{ ''|d('x', boolean=True) }}
{{ missing|tojson }}
{{ missing|int }}
{{ none }}{{ true }}{{ false }}{{ True }}{{ None }}{{ none is none }}{{ nil }}
{{ mixed }}{{ d }}{{ nothing }}{{ empty }}{{ (1,) }}{{ () }}{{ (1, 'a') }}
{{ 'it\'s' }}{{ ['it\'s'] }}{{ ['"'] }}{{ ['\'"'] }}{{ ['\n\t\r\\\x00\x7f'] }}{{ ['é\u200b한'] }}
{{ "a\nb\tc\\d\x41\u00e9\U0001F600\101\q" }}{{ 'a' 'b' "c" }}
{{ d.a }}{{ d['b'] }}{{ d.missing }}{{ d.items is callable }}{{ d['items'] }}{{ d.items() }}
{{ d.keys() }}{{ d.values() }}{{ d.get('a') }}{{ d.get('x') }}{{ d.get('x', 3) }}{{ d.copy() }}
{{ d.update({}) }}
{{ d.pop('a') }}
{{ xs.append(1) }}
{{ xs.append }}|{{ xs.count(1) }}{{ xs.index(2) }}{{ xs.foo }}|
{{ xs.sort() }}
{{ s.__class__ }}|{{ xs.__len__ }}|{{ d.__class__ }}|
{{ s.__class__.__mro__ }}
{{ d|items|list }}{{ d|dictsort }}{{ d|dictsort(true) }}{{ d|dictsort(by='value') }}
{{ nothing|items|list }}{{ {'b': 2, 'a': 1}|dictsort(reverse=true) }}{{ {'b': 1, 'a': 2}|dictsort(by='value') }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for c in u %}[{{ c }}]{% endfor %}
{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{{ loop.depth }};{% endfor %}
{% for x in xs if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% else %}none{% endfor %}{% for x in empty %}x{% else %}none{% endfor %}
{% for x in xs %}{% if x == 2 %}{% break %}{% endif %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% else %}e{% endfor %}
{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }}{% endfor %}{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for x in missing %}x{% else %}no{% endfor %}
{% for r in [[1, [2, [3]]]] recursive %}{% if r is iterable %}({{ loop(r) }}){% else %}{{ r }}@{{ loop.depth }}{% endif %}{% endfor %}
{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 5 %}{{ x }}{% endfor %}{{ x }}
{% set ns = namespace(a=1, b='x') %}{% for i in xs %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{{ ns['a'] }}
{% set ns.a = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, e2) = 'xy' %}{{ c }}{{ e2 }}{% set t2 = 1, 2 %}{{ t2 }}
{% set b %}  block {{ n }} {% endset %}[{{ b }}]{% set b | upper | trim %} up {% endset %}[{{ b }}]
{% if no %}a{% elif n > 5 %}b{% else %}c{% endif %}{% if not yes %}x{% endif %}{{ 'y' if yes }}{{ 'y' if no }}{{ 'a' if no else 'b' if no else 'c' }}
{% macro m(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m(1, 2, 3) }}{{ m() }}{{ m(b=1, a=5) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, k=3) }}{{ m() }}
{% macro m(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) m(5) %}[{{ y }}{{ n }}]{% endcall %}{% macro l(n) %}{% if n > 0 %}{{ n }}{{ l(n - 1) }}{% endif %}{% endmacro %}{{ l(4) }}
{% macro m() %}{{ later }}{% endmacro %}{{ m() }}{% set later = 3 %}{{ m() }}
{% macro m() -%}   x   {%- endmacro %}[{{ m() | upper }}]
{% filter upper | replace('L', '1') %}hello {{ s }}{% endfilter %}
{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% raw %}{{ not }} {% if %}{% endraw %}{%- raw -%}  {{ x }}  {%- endraw -%}  z
a {# comment #} b {#- x -#}  c {#+ y +#} d
{% generation %}x{{ n }}{% set q = 1 %}{% endgeneration %}{{ q }}
{% print 1, 'a' %}{% autoescape false %}<{{ n }}>{% endautoescape %}
{% include 'x' %}
{% do xs.append(1) %}
{% unknown %}
{% if %}{% endif %}
{% for x in xs %}
{{ (1 }}
{{ 1 + }}
{{ 'abc }}
{{ [1, 2 }}
{% endif %}
{{ x y }}
{{ s|nofilter }}
{{ s is notest }}
{{ s.upper() }}{{ s.lower() }}{{ s.title() }}{{ s.capitalize() }}{{ s.swapcase() }}{{ 'ǆ ß ﬁ İ'.upper() }}{{ 'ǆ ß ﬁ İ ΑΣ ΑΣΑ'.lower() }}{{ 'ß ǆa o\'neil'.title() }}{{ 'ﬁx'.capitalize() }}
{{ s|upper }}{{ s|lower }}{{ 'foo bar-baz (qux) o\'neil ÉTÉ'|title }}{{ s|capitalize }}{{ 5|upper }}{{ [1]|upper }}
{{ t.strip() }}|{{ t.lstrip() }}|{{ t.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abcba'.lstrip('ab') }}|{{ 'abcba'.rstrip('ba') }}|{{ '한a한'.strip('한') }}|{{ t|trim }}|{{ 'xx'|trim('x') }}|{{ ' a '.strip(none) }}
{{ t.split(',') }}{{ t.split() }}{{ t.split(none, 1) }}{{ t.split(',', 1) }}{{ t.rsplit(',', 1) }}{{ t.rsplit(none, 1) }}{{ t.rsplit() }}{{ ''.split() }}{{ ''.split(',') }}{{ t.split(sep=',', maxsplit=2) }}{{ 'aXbXc'.split('X')[-1] }}
{{ t.split('') }}
{{ 'a\nb\r\nc\n'.splitlines() }}{{ 'a\nb\r\nc\n'.splitlines(true) }}{{ ''.splitlines() }}
{{ s.startswith('Hell') }}{{ s.endswith(('x', 'é')) }}{{ s.startswith(('a', 'b')) }}{{ s.startswith('llo', 2) }}{{ s.endswith('l', 0, 4) }}{{ s.startswith('') }}{{ ''.startswith('', 1) }}
{{ s.startswith(1) }}
{{ s.replace('l', 'L') }}{{ s.replace('l', 'L', 1) }}{{ 'abc'.replace('', '-') }}{{ 'abc'.replace('', '-', 2) }}{{ s|replace('l', 'LL', 2) }}{{ 123|replace(2, 'x') }}{{ s.replace('l', 1) }}
{{ s.find('o') }}{{ s.find('ö') }}{{ s.rfind('é') }}{{ s.find('zz') }}{{ s.find('', 50) }}{{ s.count('l') }}{{ s.count('') }}{{ s.find('o', 5) }}{{ s.find('l', -3) }}{{ s.index('W') }}{{ s.count('l', 3) }}
{{ s.index('zz') }}
{{ ', '.join(ys) }}{{ ''.join([]) }}{{ '-'.join('abc') }}{{ ys|join }}{{ xs|join('+') }}{{ rows|join(',', attribute='name') }}{{ mixed|join('|') }}
{{ ', '.join(xs) }}
{{ s.isdigit() }}{{ '12'.isdigit() }}{{ '²'.isdigit() }}{{ 'ab'.isalpha() }}{{ '한'.isalpha() }}{{ 'a1'.isalnum() }}{{ ' '.isspace() }}{{ ''.isspace() }}{{ 'a'.islower() }}{{ 'A1'.isupper() }}{{ '1'.isupper() }}{{ 'ª'.islower() }}
{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('bc') }}{{ 'abc'.removeprefix('x') }}{{ '7'.zfill(3) }}{{ '-7'.zfill(4) }}{{ 'ab'.center(7, '*') }}{{ 'abc'.center(6, '*') }}{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '0') }}{{ 'a:b:c'.partition(':') }}{{ 'a:b:c'.rpartition(':') }}{{ 'abc'.partition('x') }}
{{ '{} {}'.format(1, 'a') }}{{ '{0}{1}{0}'.format('a', 'b') }}{{ '{x:>5}|{y:<4}|{z:^5}'.format(x=1, y='a', z='b') }}{{ '{:.2f} {:05d} {:x} {:,} {:+d} {:e} {:g}'.format(1.005, 42, 255, 1234567, 5, 12345.678, 0.0001) }}{{ '{{}}{!r}'.format('a') }}{{ '{a.b} {a[b]}'.format(a={'b': 1}) }}
{{ '{0[0]} {0[k]}'.format({'k': 1, 0: 2}) }}{{ '{:*^9}|{:=+6d}|{:6}|{:6}|{:%}'.format('mid', 5, 'ab', 42, 0.5) }}
{{ '{}'.format() }}
{{ '%s %d %5.2f %-4s| %05d %x %r %% %c %+d %e'|format('a', 3, 1.5, 'b', 42, 255, 'q', 'z', 5, 12345.678) }}{{ '%(a)s' % {'a': 1} }}{{ '%s' % 'x' }}{{ '%s and %s' % ('a', 'b') }}{{ '%.3s|' % 'abcdef' }}{{ '%*d' % (5, 3) }}{{ '%s' % [1] }}{{ '%d' % 3.7 }}{{ '%s' % none }}
{{ '%s' % (1, 2) }}
{{ '%s %s' % 1 }}
{{ '%d' % 'x' }}
{{ xs|sort }}{{ ys|sort }}{{ ys|sort(case_sensitive=true) }}{{ xs|sort(reverse=true) }}{{ rows|sort(attribute='v')|map(attribute='name')|list }}{{ rows|sort(attribute='g.k,v')|map(attribute='name')|list }}{{ rows|sort(attribute='name', reverse=True)|map(attribute='name')|join }}
{{ mixed|sort }}
{{ xs|max }}{{ xs|min }}{{ ys|max }}{{ ys|min(case_sensitive=true) }}{{ rows|max(attribute='v') }}{{ empty|max }}|{{ xs|sum }}{{ rows|sum(attribute='v') }}{{ xs|sum(start=10) }}{{ [[1], [2]]|sum(start=[]) }}
{{ ys|unique|list }}{{ ys|unique(true)|list }}{{ [1, 1.0, true, 2]|unique|list }}{{ rows|unique(attribute='g.k')|map(attribute='name')|list }}
{{ rows|groupby('g.k') }}{% for k, g in rows|groupby('g.k') %}{{ k }}:{{ g|map(attribute='name')|join(',') }};{% endfor %}{% for g in rows|groupby('missing', default='z') %}{{ g[0] }}{{ g[1]|length }}{% endfor %}
{{ xs|batch(2)|list }}{{ xs|batch(2, 'x')|list }}{{ xs|slice(2)|list }}{{ xs|slice(3, 'x')|list }}{{ xs|first }}{{ xs|last }}{{ empty|first }}{{ empty|last }}{{ s|first }}{{ s|last }}{{ d|first }}{{ d|last }}{{ xs|list|length }}{{ d|length }}{{ s|count }}
{{ 5|length }}
{{ 5|list }}
{{ xs|map('string')|list }}{{ ys|map('upper')|join }}{{ rows|map(attribute='g.k')|list }}{{ rows|map(attribute='extra', default='no')|list }}{{ xs|map('abs')|list }}{{ ys|map('replace', 'a', 'x')|list }}{{ rows|map(attribute='zz')|list }}
{{ xs|select('odd')|list }}{{ xs|reject('>', 1)|list }}{{ mixed|select|list }}{{ mixed|reject('string')|list }}{{ rows|selectattr('extra')|list|length }}{{ rows|selectattr('v', 'gt', 1)|map(attribute='v')|list }}{{ rows|rejectattr('name', 'equalto', 'x')|map(attribute='name')|list }}{{ rows|selectattr('extra', 'defined')|list|length }}{{ rows|selectattr('g.k', 'in', ['p'])|list|length }}
{{ 'yes' if xs|select('string') else 'no' }}{{ 'yes' if xs|select('string')|list else 'no' }}{{ xs|select('odd')|first }}
{% set g = xs|map('string') %}{{ g|join }}{{ g|join }}{{ g|first }}
{{ xs|reverse|list }}{{ 'abc'|reverse }}{{ [1, 2]|reverse|first }}{{ range(5)|list }}{{ range(2, 10, 3)|list }}{{ range(5, 0, -2)|list }}{{ range(3) }}{{ range(0)|list }}{{ range(3)[1] }}{{ range(5)[1:3] }}{{ range(1, 9, 2) }}
{{ range(1000000) }}
{{ range(1, 2, 0) }}
{{ 3|abs }}{{ -2.5|abs }}{{ m|abs }}{{ 2.5|round }}{{ 3.5|round }}{{ 2.675|round(2) }}{{ 1234.5|round(-2) }}{{ 2.1|round(0, 'ceil') }}{{ 2.19|round(1, 'floor') }}{{ 5|round }}{{ 15|round(-1) }}{{ 25|round(-1) }}{{ 42.55|round(1, 'common') }}
{{ '42'|int }}{{ '4.7'|int }}{{ 'x'|int }}{{ 'x'|int(5) }}{{ '0x1f'|int(0, 16) }}{{ '1f'|int(base=16) }}{{ 3.9|int }}{{ -3.9|int }}{{ nil|int }}{{ true|int }}{{ ' 12 '|int }}{{ '1_000'|int }}{{ '12'|float }}{{ 'x'|float }}{{ 'inf'|float }}{{ '1e3'|float }}{{ nil|float(2.0) }}
{{ 5|string }}{{ [1]|string }}{{ '<a href="x">&\''|e }}{{ 5|escape }}{{ '<b>x</b>  <!-- c --> y &amp; z'|striptags }}{{ 'a b&c/d?é'|urlencode }}{{ {'a': 'b c', 'd': 1}|urlencode }}{{ s|wordcount }}{{ 'a b'|center(9) }}|{{ 'abc'|safe }}
{{ 'foo bar baz qux'|truncate(9) }}{{ 'foo bar baz qux'|truncate(9, true) }}{{ 'foo bar baz qux'|truncate(9, end='…', leeway=0) }}{{ 'foo bar'|truncate(6, leeway=0) }}{{ s|truncate }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb\n\nc'|indent(2, true) }}|{{ 'a\nb\n\nc'|indent(width='>> ', blank=true) }}|{{ 'a\n'|indent }}|{{ ''|indent(first=true) }}|
{{ mixed|tojson }}{{ d|tojson }}{{ d|tojson(indent=2) }}{{ [[], {}, ()]|tojson(indent=4) }}{{ d|tojson(sort_keys=true) }}{{ s|tojson }}{{ s|tojson(ensure_ascii=true) }}{{ u|tojson(true) }}{{ '\x00\x1f\x7f"\\/'|tojson }}{{ d|tojson(separators=(',', ':')) }}{{ 1.0|tojson }}{{ 1e100|tojson }}{{ {1: 2, none: 3, true: 4, 2.5: 5}|tojson }}{{ '<>&'|tojson }}{{ (1, 2)|tojson }}{{ d|tojson(indent=0) }}{{ d|tojson(indent='\t') }}
{{ range(3)|tojson }}
{{ d.items()|tojson }}
{{ xs|map('string')|tojson }}
{{ n is number }}{{ yes is number }}{{ yes is integer }}{{ f is float }}{{ n is integer }}{{ yes is boolean }}{{ yes is true }}{{ no is false }}{{ 1 is true }}{{ s is string }}{{ d is mapping }}{{ xs is sequence }}{{ d is sequence }}{{ s is iterable }}{{ n is iterable }}{{ missing is iterable }}{{ range is callable }}{{ s.upper is callable }}{{ n is even }}{{ n is odd }}{{ n is divisibleby 7 }}{{ n is divisibleby(2) }}{{ n is in xs }}{{ 3 is in([3]) }}{{ n is eq 7 }}{{ n is not gt 7 }}{{ n is sameas n }}{{ nil is sameas none }}{{ 'a' is lower }}{{ 'A' is upper }}{{ 'upper' is filter }}{{ 'zz' is filter }}{{ 'even' is test }}{{ d.items() is sequence }}{{ d.items() is iterable }}{{ (x for x) }}
{{ n is ==7 }}
{{ missing is none }}{{ missing is string }}{{ missing is mapping }}{{ missing is sequence }}{{ nil is defined }}{{ (missing or 'x') is string }}{{ missing is true }}{{ not missing is defined }}
{{ raise_exception('no: ' ~ n) }}
{{ raise_exception("Ünïcode 'quotes' \"x\"") }}
{% if yes %}{{ raise_exception('once') }}{% endif %}{{ raise_exception('twice') }}
{{ strftime_now('%d %b %Y') }}{{ strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %p %I %y %% %-d %e') }}
{{ dict(a=1, b=2) }}{{ dict([('x', 1)], y=2) }}{{ dict({'a': 1}).a }}{{ {'a': 1, 'a': 2} }}{{ {1: 'x'}[1] }}{{ {1: 'x'}[1.0] }}{{ {true: 'x'}[1] }}{{ {(1, 2): 'x'}[(1, 2)] }}
{{ {[1]: 2} }}
{{ d['a', 'b'] }}{{ d[1:2] }}{{ 5[0] }}{{ none.x }}|{{ (5).x }}|{{ 5['x'] }}|{{ s.nope }}|
{{ none.x.y }}
{{ s() }}
{{ missing() }}
{{ d.a() }}
{{ namespace(1) }}
{{ xs.0 }}{{ xs.1 }}{{ rows.0.name }}{{ rows[0].g['k'] }}{{ rows[-1]['extra'] }}
{{ -n|abs }}{{ -2 ** 2 }}{{ 2 - -2 }}{{ +5 }}{{ - 5|string ~ 'x' }}{{ (n)|string|length }}{{ not n == 7 }}
{{ [1, 2,] }}{{ (1, 2,) }}{{ {'a': 1,} }}{{ [x, y] }}{{ [missing] }}{{ {'k': missing} }}
{{ m(*[1], **{'b': 2}) if m is callable }}{{ '{}{}'.format(*[1, 2]) }}{{ dict(**{'a': 1}) }}
{{- n -}}   {{- n }}   {{ n -}}   x
   {%- if yes -%}   a   {%- endif -%}   b
   {%+ if yes %}   a   {%+ endif +%}
  {{ d | attr('items') is callable }}{{ s|attr('upper')() }}{{ d|attr('a') }}
{{ loop }}{{ 'a' < 'b' }}{{ 'Z' < 'a' }}{{ 'é' > 'z' }}{{ '\uffff' < '😀' }}
{{ 9223372036854775807 }}{{ -9223372036854775807 - 1 }}
{{ 0.1 + 0.2 }}{{ 1 / 3 }}{{ 1e-7 }}{{ 123456789.123 }}{{ 5e-324 }}{{ 1.7976931348623157e308 }}{{ 1e16 + 1 }}{{ -0.0 }}{{ 2.0 ** 0.5 }}{{ 10 // 3.0 }}{{ 1e308 * 10 }}{{ 7 // -2.0 }}{{ -0.5 // 1 }}
{% set x %}{% for i in range(3) %}{{ i }}{% endfor %}{% endset %}{{ x|length }}{{ x|int + 1 }}
{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{{ i }}{% endfor %}{{ loop.index }}{% endfor %}
{% for x in xs %}{% set loop_x = loop %}{% for y in [1] %}{{ loop_x.index }}{% endfor %}{% endfor %}
{% macro f(x) %}{% set x = x + 1 %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f(x) }}{{ x }}{% if yes %}{% set x = 9 %}{% endif %}{{ x }}
{% macro outer() %}{% macro inner(a) %}<{{ a }}>{% endmacro %}{{ inner(1) }}{{ inner(2) }}{% endmacro %}{{ outer() }}
{% set messages = messages[1:] %}{{ messages|length }}{{ messages[0].role }}{{ messages[0]['content']|trim }}
{% for message in messages %}{{ '<|' + message.role + '|>' + (message['content'] if message.content else '') }}{% endfor %}
"""

LINES = [line for line in FIXED.strip("\n").split("\n") if line]

MULTI_LINE = [
    "a\n  {% if yes %}\n    b\n  {% endif %}\nc\n",
    "a\n  {%- if yes %}\n    b\n  {%- endif %}\nc\n",
    "a\n  {% if yes -%}\n    b\n  {% endif -%}\nc\n",
    "a\n  {%+ if yes %}\n    b\n  {%+ endif %}\nc\n",
    "a\n  {# x #}\n  b {# y #}\nc\n",
    "  {{ n }}\n  {{ n }}  \n",
    "\n\n{% set x = 1 %}\n\n{{ x }}\n\n",
    "{% for x in xs %}\n{{ x }}\n{% endfor %}\n",
    "a\r\n  {% if yes %}\r\nb\r{% endif %}\rc",
    "  {% raw %}\n  {{ x }}\n  {% endraw %}\n  b",
    "{{ 'a\nb' }}\n{{ \"x\r\ny\" }}",
    "\t{% if yes %}\t\n\tx{% endif %}\n",
    "x {% if yes %} y {% endif %} z\n\n",
    "\u00a0{% if yes %}\u3000{%- endif %}",
    "{#- a -#}\n\n b \n{#- c #}\n d",
    "{{ {'a': {'b': 1}} }}{{ {'a': '}}'} }}{{ '%}' }}",
    "{% if '%}' == '%}' %}x{% endif %}{{ '{{' }}{{ \"#}\" }}",
    "{%- for m in messages -%}\n  {{- m.role -}}\n{%- endfor -%}\n",
    "{%- macro f(\n  a,\n  b = [1,\n 2]\n) -%}\n{{ a }}{{ b }}\n{%- endmacro -%}\n{{ f(\n1\n) }}",
    "{ % if %} {x} {{ '{' }} }} %} #}",
    "",
    "\n",
    "\n\n",
]

ATOMS = ["s", "t", "e", "u", "n", "m", "z", "f", "g", "yes", "no", "nil", "xs", "ys", "mixed", "d",
         "rows", "empty", "nothing", "missing", "'ab'", "'a-b'", "''", "' x '", "0", "1", "-1", "2",
         "3", "1.5", "100", "[1, 2]", "['a']", "(1, 'b')", "{'a': 1}", "range(3)", "s[0]", "d.a"]
# Without `e` and `striptags`, whose results Python marks as safe: that shows in a repr.
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "first", "last", "list",
           "reverse", "string", "int", "float", "abs", "sort", "unique|list", "max", "min", "sum",
           "join", "join(', ')", "tojson", "tojson(indent=2)", "default('q')", "d('q', true)",
           "round", "round(1)", "wordcount", "indent(2)", "replace('a', 'bb')", "batch(2)|list",
           "map('string')|list", "select('string')|list", "reject('none')|list", "items|list",
           "dictsort", "center(9)", "truncate(5)", "urlencode", "count",
           "map(attribute='v')|list", "selectattr('v')|list", "slice(2)|list", "trim('a')"]
METHODS = ["upper()", "lower()", "strip()", "strip('a')", "lstrip()", "rstrip('b ')", "split()",
           "split('a')", "split(',', 1)", "rsplit(' ', 1)", "splitlines()", "title()",
           "startswith('a')", "endswith('b')", "replace('a', 'x', 1)", "find('b')", "rfind('a')",
           "count('a')", "isdigit()", "isalpha()", "islower()", "join(['p', 'q'])", "items()",
           "keys()", "values()", "get('a')", "get('zz', 1)", "index(1)", "zfill(4)", "center(8, '.')",
           "format(1)", "capitalize()", "swapcase()", "removeprefix('a')", "partition('-')"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true",
         "false", "mapping", "sequence", "iterable", "callable", "even", "odd", "lower", "upper",
         "divisibleby(2)", "in([1, 'ab'])", "eq(1)", "ne('a')", "gt(1)", "sameas(none)"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in",
          "not in"]
SLICES = ["0", "-1", "5", "'a'", "1:", ":2", "::-1", "1:3", "-2:", "::2", "3:0:-1", "n", "z:n", "nil:1"]
TAGS = [("{% if X %}", "{% elif X %}", "{% else %}", "{% endif %}"),
        ("{% for i in X %}", "{{ loop.index }}", "{% else %}", "{% endfor %}"),
        ("{% set v %}", "{{ X }}", "", "{% endset %}"),
        ("{% filter trim %}", "{{ X }}", " ", "{% endfilter %}"),
        ("{% with v = X %}", "{{ v }}", "", "{% endwith %}"),
        ("{% macro k(a=X) %}", "{{ a }}", "", "{% endmacro %}{{ k() }}"),
        ("{# ", "X", "", " #}"),
        ("{% raw %}", "{{ X }}", "", "{% endraw %}")]
SPACES = ["", " ", "\n", "  \n", "\n  ", "\t", "x", " x\n", "\n\n", "\u00a0"]


def expression(rng, depth=0):
    if depth > 3 or rng.random() < 0.25:
        return rng.choice(ATOMS)
    inner = lambda: expression(rng, depth + 1)  # noqa: E731
    kind = rng.randrange(9)
    if kind <= 1:
        return f"({inner()})|{rng.choice(FILTERS)}"
    if kind == 2:
        return f"({inner()}).{rng.choice(METHODS)}"
    if kind == 3:
        return f"({inner()}) {rng.choice(BINARY)} ({inner()})"
    if kind == 4:
        return f"({inner()})[{rng.choice(SLICES)}]"
    if kind == 5:
        return f"({inner()}) is {'not ' if rng.random() < 0.3 else ''}{rng.choice(TESTS)}"
    if kind == 6:
        return f"({inner()} if {inner()} else {inner()})"
    if kind == 7:
        return f"[{inner()}, {inner()}]"
    return f"not ({inner()})"


def signed(rng, tag):
    """The tag with random white space control, and space around it."""
    if not tag:
        return rng.choice(SPACES)
    begin, end = rng.choice(["", "", "-", "+"]), rng.choice(["", "", "-"])
    if tag.count("{%") == 1 or tag.startswith("{#"):
        tag = tag[:2] + begin + tag[2:]
        tag = tag[:-2] + end + tag[-2:] if not tag.startswith("{#") or tag.endswith("#}") else tag
    return rng.choice(SPACES) + tag + rng.choice(SPACES)


def block(rng):
    parts = [signed(rng, tag) for tag in rng.choice(TAGS)]
    return "".join(parts).replace("X", rng.choice(["n", "no", "xs", "s", "d", "'a'", "missing"]))


def case(name, template):
    return {"name": name, "template": template, "messages": MESSAGES, "variables": VARIABLES}


def all_cases(rng, n_random):
    for line in LINES:
        yield case(f"fixed: {line[:60]}", line)
    for text in MULTI_LINE:
        yield case(f"lines: {text!r}", text)
    # One random expression that fails hides the rest, so each stands alone.
    for i in range(n_random):
        if i % 4 == 3:
            yield case(f"random {i}", "".join(block(rng) for _ in range(3)))
        else:
            yield case(f"random {i}", "{{ " + expression(rng) + " }}")
