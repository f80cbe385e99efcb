"""Style sheets of every kind, and changes of them."""

from __future__ import annotations

from .page import Difference, WebPage, click

_P = "<p id=p class=a>words <b>bold</b></p><div id=d class=box>box</div>"
_ADOPT = (
    "window.sheet = new CSSStyleSheet(); sheet.replaceSync('p { color: red }'); document.adoptedStyleSheets = [sheet]"
)

SHEETS = {
    "style-element": WebPage(
        body=_P,
        head="<style id=s>p{color:red}</style>",
        steps=("s.textContent = 'p { color: blue }'", "s.append(' b { color: green }')", "s.remove()"),
    ),
    "style-element-of-parts": WebPage(
        body=_P,
        steps=(
            "window.s = document.createElement('style'); s.append('p { color: red }', ' b { color: teal }'); document.head.append(s)",
            "s.firstChild.data = 'p { color: purple }'",
            "s.lastChild.remove()",
        ),
    ),
    "style-element-added-and-changed": WebPage(
        body=_P,
        steps=(
            "window.s = document.createElement('style'); s.append('p { color: red; font-size: 30px }'); document.head.append(s)",
            "s.firstChild.data = 'p { color: purple }'",
            "s.firstChild.remove()",
            "s.append('p { color: teal }', 'p { font-size: 20px }', 'p { border: 1px solid }')",
            "s.childNodes[1].remove()",
        ),
    ),
    "rules-inserted": WebPage(
        body=_P,
        head="<style id=s>p{color:red}</style>",
        steps=(
            "s.sheet.insertRule('b { color: green }'); s.sheet.insertRule('p { font-size: 30px }', 1)",
            "s.sheet.deleteRule(0)",
            "s.sheet.addRule('p', 'text-decoration: underline'); s.sheet.removeRule(0)",
        ),
    ),
    "rules-of-an-empty-style": WebPage(
        body=_P,
        head="<style id=s></style>",
        steps=(
            "s.sheet.insertRule('p { color: red }'); s.sheet.insertRule('.box { background: gold }')",
            "document.body.append(s)",
            "s.sheet.insertRule('b { color: blue }')",
        ),
    ),
    "rules-within-rules": WebPage(
        body=_P,
        head="<style id=s>@media (min-width: 10px){p{color:red}@supports (color:red){b{color:blue}}}@layer x{p{margin:9px}}</style>",
        steps=(
            "s.sheet.cssRules[0].insertRule('p { font-weight: bold }', 1); s.sheet.cssRules[0].cssRules[2].deleteRule(0)",
            "s.sheet.cssRules[0].cssRules[2].insertRule('b { color: green }'); s.sheet.cssRules[1].insertRule('.box { color: red }')",
        ),
    ),
    "rules-changed": WebPage(
        body=_P,
        head="<style id=s>p{color:red;margin:8px}.box{--c:gold;background:var(--c)}@media all{b{color:blue}}</style>",
        steps=(
            "s.sheet.cssRules[0].style.setProperty('color', 'green'); s.sheet.cssRules[1].style.setProperty('--c', 'pink')",
            (
                "s.sheet.cssRules[0].style.removeProperty('margin'); "
                "s.sheet.cssRules[2].cssRules[0].style.setProperty('color', 'teal')"
            ),
            "s.sheet.cssRules[0].style.setProperty('color', 'navy', 'important')",
        ),
    ),
    "rules-changed-otherwise": WebPage(
        body=_P,
        head="<style id=s>p{color:red}.box{background:gold}</style>",
        steps=(
            "s.sheet.cssRules[0].style.cssText = 'color: green; margin: 3px'",
            "s.sheet.cssRules[0].selectorText = 'b'",
            "s.sheet.cssRules[1].styleMap.set('background', 'pink')",
            "s.sheet.cssRules[0].style.fontStyle = 'italic'",
        ),
        differs=Difference(
            (r" (color|background-color|border-)", r"font-style", r"picture", r" box"),
            "rrweb records setProperty, removeProperty, insertRule and deleteRule only",
        ),
    ),
    "sheet-switched-off": WebPage(
        body=_P,
        head="<style id=s>p{color:red}</style><style id=t media=print>b{color:green}</style>",
        steps=("s.disabled = true", "t.media = 'all'", "s.sheet.disabled = false; t.sheet.media.mediaText = 'print'"),
        differs=Difference(
            (r" (color|border-)", r"picture"), "rrweb records attributes of sheets, and not their properties"
        ),
    ),
    "linked-sheet": WebPage(
        body=_P,
        head="<link rel=stylesheet href=one.css id=l>",
        files={
            "one.css": ("text/css", "@import 'two.css';p{color:red}.box{background:gold}"),
            "two.css": ("text/css", "b{color:green}"),
        },
        steps=("l.sheet.insertRule('p { font-size: 25px }', 1)",),
    ),
    "linked-sheet-added-later": WebPage(
        body=_P,
        files={
            "one.css": ("text/css", "p{color:red}"),
            "two.css": ("text/css", "p{color:green}"),
        },
        steps=(
            (
                "await new Promise((done) => { window.l = document.createElement('link'); l.rel = 'stylesheet'; l.href = 'one.css'; "
                "l.onload = done; document.head.append(l) })"
            ),
            "await new Promise((done) => { l.onload = done; l.href = 'two.css' })",
            "l.remove()",
        ),
    ),
    "linked-sheet-for-print": WebPage(
        body=_P,
        head="<link rel=stylesheet href=one.css media=print id=l>",
        files={"one.css": ("text/css", "p{color:red}")},
        steps=("l.media = 'all'",),
    ),
    # Loaded after the first snapshot, in which its link has no rules yet.
    "linked-sheet-that-comes-late": WebPage(
        body=_P,
        head="<link rel=stylesheet href=late-one.css id=l>",
        files={"late-one.css": ("text/css", "p{color:red}.box{background:gold}")},
        steps=("l.sheet.insertRule('p { font-size: 25px }', 1)", "l.sheet.deleteRule(0)"),
    ),
    "linked-sheet-for-print-that-comes-late": WebPage(
        body=_P,
        head="<link rel=stylesheet href=late-one.css media=print id=l>",
        files={"late-one.css": ("text/css", "p{color:red}")},
        steps=("l.media = 'all'", "l.media = 'print'"),
    ),
    "linked-sheets-that-come-late-in-a-frame": WebPage(
        body="<iframe src=frame.html></iframe>",
        files={
            "frame.html": ("text/html", "<!doctype html><link rel=stylesheet href=late-one.css id=l><p>In a frame"),
            "late-one.css": ("text/css", "p{color:red}"),
        },
        steps=(
            "frames[0].l.sheet.insertRule('p { font-size: 25px }')",
            "frames[0].l.sheet.cssRules[0].style.color = 'blue'",
        ),
    ),
    # Loaded before the first snapshot, but for the sheets that they import, at once or through others.
    "linked-sheet-with-imports-that-come-late": WebPage(
        body=_P,
        head="<link rel=stylesheet href=one.css id=l>",
        files={
            "one.css": ("text/css", "@import 'two.css';@import 'late-three.css';p{color:red}"),
            "two.css": ("text/css", "@import 'late-three.css' screen;.box{background:gold}"),
            "late-three.css": ("text/css", "b{color:green}b{font-size:25px}"),
        },
        steps=("l.sheet.insertRule('p { font-size: 30px }', 3)", "l.sheet.deleteRule(2)"),
    ),
    "style-element-with-an-import-that-comes-late": WebPage(
        body=_P,
        head="<style id=s>@import 'late-two.css';p{color:red}</style>",
        files={
            "late-two.css": ("text/css", "b{color:green}.box{background:gold}"),
            "late-three.css": ("text/css", "b{color:blue}"),
        },
        steps=(
            "s.sheet.insertRule('p { font-size: 30px }', 2)",
            # The first of two events `load` is that of the element while it is empty.
            (
                "s.textContent = '@import \"late-three.css\"; p { color: teal }'; "
                "while (getComputedStyle(p.children[0]).color !== 'rgb(0, 0, 255)') await new Promise(requestAnimationFrame)"
            ),
            "s.sheet.insertRule('p { font-size: 25px }', 2)",
        ),
    ),
    "imports-with-conditions": WebPage(
        body=_P,
        head="<style>@layer low,high;@import 'one.css' layer(high);@import 'two.css' layer(low) screen;@import 'three.css' print;"
        "@import 'four.css' supports(display:none) screen;@import 'five.css' supports(not (display:none));"
        "@import 'missing.css';@import 'late-six.css' layer</style>",
        files={
            "one.css": ("text/css", "p{color:red}"),
            "two.css": ("text/css", "p{color:green;font-size:25px}"),
            "three.css": ("text/css", "b{color:blue}"),
            "four.css": ("text/css", "b{color:purple}"),
            "five.css": ("text/css", "b{color:teal}"),
            "late-six.css": ("text/css", ".box{background:gold}"),
        },
    ),
    "import-inserted-by-a-script": WebPage(
        body=_P,
        head="<style id=s>p{color:red}</style>",
        files={"two.css": ("text/css", "b{color:green}b{font-size:25px}")},
        steps=(
            "await new Promise((done) => { s.onload = done; s.sheet.insertRule('@import \"two.css\"', 0) })",
            "s.sheet.insertRule('b { color: blue }', 2)",
            "s.sheet.deleteRule(0)",
        ),
    ),
    # As themes are changed.
    "linked-sheet-with-another-address": WebPage(
        body=_P,
        head="<link rel=stylesheet href=one.css id=l>",
        files={
            "one.css": ("text/css", "p{color:red}"),
            "two.css": ("text/css", "p{color:green}.box{background:gold}"),
            "three.css": ("text/css", "p{color:blue}"),
        },
        steps=(
            "await new Promise((done) => { l.onload = done; l.href = 'two.css' })",
            "l.sheet.insertRule('p { font-size: 25px }', 1)",
            "await new Promise((done) => { l.onload = done; l.href = 'three.css' })",
        ),
    ),
    "linked-sheets-in-a-shadow-root": WebPage(
        body=_P + "<div id=h></div>",
        files={
            "one.css": ("text/css", "p{color:red}"),
            "late-two.css": ("text/css", "p{font-size:25px}"),
        },
        head="<script>addEventListener('DOMContentLoaded', () => h.attachShadow({mode:'open'}).innerHTML = "
        "'<link rel=stylesheet href=one.css><link rel=stylesheet href=late-two.css><p>Inside</p>')</script>",
        steps=(
            "h.shadowRoot.styleSheets[0].insertRule('p { background: gold }')",
            "h.shadowRoot.styleSheets[1].insertRule('p { margin: 30px }')",
        ),
    ),
    "adopted-sheet": WebPage(
        body=_P,
        steps=(
            _ADOPT,
            "sheet.insertRule('b { color: green }')",
            "sheet.cssRules[1].style.setProperty('color', 'purple')",
            "sheet.replaceSync('.box { background: gold }')",
            "document.adoptedStyleSheets = []",
        ),
    ),
    "adopted-sheet-changed-in-place": WebPage(
        body=_P,
        steps=(
            "const sheet = new CSSStyleSheet(); document.adoptedStyleSheets.push(sheet); sheet.insertRule('p { color: red }')",
            "const other = new CSSStyleSheet(); other.replaceSync('p { color: blue }'); document.adoptedStyleSheets.unshift(other)",
            "await new Promise((done) => { document.adoptedStyleSheets.pop(); setTimeout(done, 600) })",
        ),
    ),
    "adopted-sheet-of-the-first-moment": WebPage(
        body=_P + f"<script>{_ADOPT}; sheet.insertRule('.box {{ color: blue }}')</script>",
        steps=("sheet.deleteRule(0)",),
    ),
    "adopted-sheet-shared": WebPage(
        body="<div id=g></div><div id=h></div>",
        steps=(
            (
                "window.sheet = new CSSStyleSheet(); sheet.replaceSync('p { color: red }'); for (const e of [g, h]) { "
                "const root = e.attachShadow({mode: 'open'}); root.innerHTML = '<p>shared</p>'; root.adoptedStyleSheets = [sheet] }"
            ),
            "sheet.insertRule('p { font-weight: bold }')",
            "h.shadowRoot.adoptedStyleSheets = []",
        ),
    ),
    "adopted-sheet-before-its-host": WebPage(
        body="<div id=a></div>",
        steps=(
            (
                "const e = document.createElement('div'); const root = e.attachShadow({mode: 'open'}); const sheet = new CSSStyleSheet(); "
                "sheet.replaceSync('p { color: red }'); root.adoptedStyleSheets = [sheet]; root.innerHTML = '<p>styled</p>'; "
                "setTimeout(() => a.append(e), 50)"
            ),
            "a.firstChild.shadowRoot.append('more')",
        ),
    ),
    "nested-and-modern": WebPage(
        body=_P,
        head="<style>.a{color:red;& b{color:green}&:hover{color:blue}}@container (width>10px){b{font-style:italic}}"
        "body{container-type:inline-size}@property --n{syntax:'<number>';inherits:false;initial-value:3}"
        "@scope (.box){:scope{background:gold}}p:has(b){border:2px solid oklch(60% .2 200)}</style>",
        steps=("d.className = 'a'",),
    ),
    "shorthands-of-variables": WebPage(
        body=_P,
        head="<style>:root{--gap:4px;--line:2px solid red}p{padding:var(--gap) 8px;border:var(--line)}"
        ".box{background:var(--bg, gold);margin:calc(var(--gap)*2) auto;font:var(--f, italic 20px serif)}</style>",
        steps=("document.documentElement.style.setProperty('--gap', '20px')",),
    ),
    "pseudo-elements": WebPage(
        body=_P + "<ol><li>one<li>two</ol>",
        head="<style>p::before{content:'\\201C';color:red}p::after{content:attr(class) counter(c)}.box::before{content:''}"
        "li::marker{color:green;content:'\\2192 '}p::first-letter{font-size:30px}body{counter-reset:c 4}</style>",
        steps=("p.className = 'other'",),
    ),
    "hover": WebPage(
        body="<button id=h>hover</button><ul id=m>menu<li>item</ul>",
        head="<style>#h:hover{background:gold}#m li{display:none}#m:hover li{display:block}button:active{color:red}</style>",
        steps=(lambda page: page.hover("#h"), lambda page: page.hover("#m"), click("#h")),
        keeps_pointer=True,
    ),
    "transitions": WebPage(
        body=_P,
        head="<style>p{transition:color 100ms;color:red}p.on{color:blue}.box.on{animation:go 100ms forwards}"
        "@keyframes go{to{margin-left:60px}}</style>",
        steps=(
            "p.classList.add('on'); d.classList.add('on'); await new Promise((done) => setTimeout(done, 200))",
            "await p.animate([{opacity: 0.2}, {opacity: 0.5}], {duration: 50, fill: 'forwards'}).finished",
        ),
        differs=Difference(
            (r"p opacity", r"div box", r"picture"),
            "rrweb records no animations by scripts, and shows those of style sheets as they begin when it is paused",
        ),
    ),
    "colour-scheme": WebPage(
        body=_P + "<input value=field>",
        head="<meta name=color-scheme content='dark light'><style>:root{color-scheme:dark}p{color:light-dark(red,lime)}"
        "@media (prefers-color-scheme:dark){b{color:red}}</style>",
        steps=("document.documentElement.style.colorScheme = 'light'",),
    ),
    "import-and-charset": WebPage(
        body=_P,
        head="<style>@charset 'utf-8';@import url('data:text/css,b{color:red}');@namespace svg url(http://www.w3.org/2000/svg);"
        "p{content:'\\e9';font-family:'Own, font'}svg|a{color:red}</style>",
    ),
    "fonts": WebPage(
        body="<p style='font-family:Own'>words</p>",
        steps=(
            "document.fonts.add(new FontFace('Own', 'local(\"Liberation Mono\")')); await document.fonts.load('16px Own')",
        ),
        differs=Difference((r"picture",), "fonts that a script adds are not recorded"),
    ),
}
