"""Texts and elements, and changes of them."""

from __future__ import annotations

from .page import Difference, WebPage, click

_LIST = "<ul id=list>" + "".join(f"<li id=i{n}>Item {n}" for n in range(6)) + "</ul>"

CONTENTS = {
    "list-in-another-order": WebPage(
        body=_LIST,
        steps=(
            "list.append(...[...list.children].reverse())",
            "list.insertBefore(i0, i3); list.prepend(i5); i1.remove()",
            "i2.after(i4, 'loose text', i0); i3.replaceWith(i5)",
        ),
    ),
    "moved-between-parents": WebPage(
        body="<div id=a><p id=p>one <b id=b>bold</b></p></div><div id=c></div><div id=d></div>",
        steps=(
            "c.append(p); d.append(b); a.append(c)",
            "const f = document.createDocumentFragment(); f.append(p, b); d.append(f); d.prepend(a)",
        ),
    ),
    "added-and-removed-at-once": WebPage(
        body="<div id=a></div>",
        steps=(
            (
                "for (let n = 0; n < 20; n += 1) { const e = document.createElement('p'); e.textContent = n; a.prepend(e); "
                "if (n % 3 === 0) e.remove(); if (n % 4 === 0) a.append(e) }"
            ),
            (
                "const e = document.createElement('section'); e.innerHTML = '<i>deep</i>'; a.append(e); e.remove(); "
                "a.firstChild.append(e)"
            ),
        ),
    ),
    "inner-html": WebPage(
        body="<div id=a>old</div>",
        steps=("a.innerHTML = '<h2>New</h2>text <em>more</em>'", "a.outerHTML = '<section id=a><p>outer</section>'"),
    ),
    "texts": WebPage(
        body="<p id=a>one</p><pre id=b>  two\n   lines </pre><p id=c>&lt;b&gt; &amp; &quot;x&quot; \u00e9 \U0001f600 \u202eabc</p>",
        steps=(
            "a.firstChild.data = 'changed'; a.append(' second', ' third'); b.firstChild.appendData('more')",
            "a.normalize(); a.firstChild.splitText(4); b.firstChild.deleteData(0, 4)",
            "c.firstChild.data = '\\u0000\\ufeff\\ud83d lone'",
        ),
    ),
    "table": WebPage(
        body="<table id=t border=1><caption>Prices</caption><thead><tr><th>a<th>b<tbody id=b><tr><td>1<td>2</table>",
        head="<style>td{background:#eef}tr:nth-child(2) td{background:#fee}</style>",
        steps=(
            "const row = b.insertRow(); row.insertCell().textContent = 3; row.insertCell().textContent = 4",
            "t.deleteRow(1); t.createTFoot().insertRow().insertCell().colSpan = 2",
        ),
    ),
    "attributes": WebPage(
        body="<p id=a class='one two' title=t data-x=1 hidden>a</p><p id=b lang=fr dir=rtl>b</p><p id=c style='color:red'>c</p>",
        head="<style>[data-x='2']{color:blue}.three{font-weight:bold}:lang(de){color:green}</style>",
        steps=(
            "a.hidden = false; a.dataset.x = 2; a.classList.replace('one', 'three'); a.removeAttribute('title')",
            "b.lang = 'de'; b.dir = 'ltr'; c.style.cssText = 'font-size: 30px'; c.toggleAttribute('inert')",
            "a.className = ''; a.id = 'other'; c.removeAttribute('style'); b.setAttribute('aria-label', 'label')",
        ),
    ),
    "inline-styles": WebPage(
        body="<p id=a style='--own: teal; color: var(--own); margin: 4px'>a</p><p id=b>b</p><p id=c style='color:red'>c</p>",
        steps=(
            "a.style.setProperty('--own', 'purple'); b.style.background = 'gold'; c.style.color = ''",
            "a.style.removeProperty('margin'); b.style.setProperty('color', 'red', 'important'); c.style.inset = '3px'",
            "a.attributeStyleMap?.set('opacity', 0.5); b.style.border = '2px solid var(--x, blue)'",
        ),
    ),
    "links-and-pictures": WebPage(
        body="<a id=a href=other.html>relative</a> <a href='#part'>part</a> <a href='?q=1'>query</a> <a href=''>empty</a>"
        "<img id=i width=30 height=30 src=square.svg><img id=j srcset='square.svg 1x, wide.svg 2x' width=20>"
        "<picture><source media='(min-width:1px)' srcset=wide.svg><img id=k alt=wide></picture>",
        files={
            "square.svg": ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='30'/>"),
            "wide.svg": ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' width='60' height='30'/>"),
        },
        steps=("a.href = '/root.html'; i.src = 'wide.svg'", "i.removeAttribute('src'); i.src = 'square.svg'"),
        differs=Difference(
            (r"(img2?|source|picture) box", r"picture:"), "files are loaded from sidecar.replay_sources only, here none"
        ),
    ),
    "inlined-pictures": WebPage(
        body="<img id=i src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'>"
        "<rect width='40' height='40' fill='teal'/></svg>\"><div id=d style='width:50px;height:50px'></div>",
        steps=(
            (
                "const c = document.createElement('canvas'); c.width = c.height = 40; const x = c.getContext('2d'); "
                "x.fillStyle = 'red'; x.fillRect(5, 5, 20, 20); i.src = c.toDataURL()"
            ),
            "d.style.background = `url(${i.src}) no-repeat`",
        ),
    ),
    "templates-and-noscript": WebPage(
        body="<template id=t><p class=from>from a template</p></template><div id=a></div><noscript>no scripts</noscript>",
        steps=("a.append(t.content.cloneNode(true))", "a.innerHTML = '<template><b>within</b></template>shown'"),
    ),
    "odd-elements": WebPage(
        body="<my-widget>own</my-widget><h7>unknown</h7><o:p>with a colon</o:p><center><font color=red size=5>old</font>"
        "</center><marquee scrollamount=0>still</marquee><bdo dir=rtl>abc</bdo><ruby>a<rt>b</ruby><wbr><math><mi>x</mi></math>",
        steps=("document.querySelector('h7').append(document.createElement('h8'))",),
    ),
    "element-with-a-dot": WebPage(
        body="<p id=p>words</p>",
        steps=("const e = document.createElement('x-y.z'); e.textContent = 'dot'; p.append(e)",),
        differs=Difference(
            (r"element:", r"text:", r"box", r"picture"), "rrweb records elements with such names as div"
        ),
    ),
    "deep-and-wide": WebPage(
        body="<div id=a></div>",
        steps=(
            (
                "let at = a; for (let n = 0; n < 200; n += 1) { at.append(document.createElement('span')); at = at.lastChild } "
                "at.textContent = 'deep'"
            ),
            "a.append(...Array.from({length: 300}, (_, n) => Object.assign(document.createElement('i'), {textContent: n})))",
        ),
    ),
    "comments-and-processing": WebPage(
        body="a<!-- comment -->b<p id=p>c<!-- d --></p>",
        steps=("p.append(document.createComment('x'), 'after'); p.firstChild.after(document.createComment('y'), 'z')",),
    ),
    "right-to-left": WebPage(
        body="<p>\u0633\u0644\u0627\u0645 hello</p><div id=s style='width:200px;overflow:auto'><div style='width:600px'>wide</div></div>",
        html='dir="rtl" lang="ar"',
        steps=("s.scrollLeft = -120", "document.documentElement.dir = 'ltr'"),
    ),
    "quirks-mode": WebPage(
        doctype="",
        body="<table width=100%><tr><td id=a class=Big>cell</table><div style='width:100;height:50;background:red'></div>",
        head="<style>.big{font-size:30px}td{color:ff0000}</style>",
        steps=("a.append(' more')",),
    ),
    "limited-quirks-mode": WebPage(
        doctype='<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
        body="<table><tr><td><img width=20 height=20 src='data:,'></table>",
        differs=Difference((r"box",), "rrweb builds pages in standards mode or in quirks mode"),
    ),
    "clicks-that-change": WebPage(
        body="<button id=a onclick='this.textContent = ++n'>0</button><script>var n = 0</script>",
        steps=(click("#a"), click("#a")),
    ),
}
