"""Dialogs, scroll positions, fullscreen, and pages that change as a whole."""

from __future__ import annotations

from .page import Difference, WebPage, click, fill

_TALL = "<div style='height:3000px;width:2500px;background:linear-gradient(red,blue)'>tall</div>"

STAGES = {
    "details": WebPage(
        body="<details id=a><summary>More</summary><p>text</p></details><details id=b open><summary>Less</summary>x</details>"
        "<details name=n open><summary>1</summary>a</details><details id=c name=n><summary>2</summary>b</details>",
        head="<style>details[open] summary{color:red}</style>",
        steps=(click("#a summary"), "b.open = false", click("#c summary")),
    ),
    "dialog": WebPage(
        body="<p>page</p><dialog id=d><p>Dialog</p><button id=b>Close</button></dialog>",
        head="<style>dialog::backdrop{background:rgb(0 0 200/.3)}</style>",
        steps=("d.show()", "d.close()", "d.showModal()", "d.close()"),
        differs=Difference(
            (r"dialog2? (position|overflow-x)", r"picture"),
            "rrweb closes no modal dialog that loses its attribute open, and does not know the order of open ones; focus is not shown",
        ),
    ),
    "dialog-open-at-first": WebPage(
        body="<p>page</p><dialog id=d>modal</dialog><dialog id=e open>not modal</dialog><script>d.showModal()</script>",
        steps=("d.close(); e.close()", "e.showModal()"),
        differs=Difference(
            (r"dialog2? (position|overflow-x)", r"picture"),
            "rrweb closes no modal dialog that loses its attribute open, and does not know the order of open ones; focus is not shown",
        ),
    ),
    "dialogs-over-dialogs": WebPage(
        body="<dialog id=b style='width:300px;background:gold'>second</dialog><dialog id=a style='width:500px'>first</dialog>",
        steps=("a.showModal(); b.showModal()", "b.close()", "a.close()"),
        differs=Difference(
            (r"dialog2? (position|overflow-x)", r"picture"),
            "rrweb closes no modal dialog that loses its attribute open, and does not know the order of open ones; focus is not shown",
        ),
    ),
    "dialog-added-later": WebPage(
        body="<div id=a></div>",
        steps=(
            "const d = document.createElement('dialog'); d.textContent = 'new'; a.append(d); d.showModal()",
            "a.innerHTML = ''",
        ),
        differs=Difference((r"picture",), "the focus of a dialog is not shown"),
    ),
    "popover": WebPage(
        body="<button popovertarget=p id=b>Open</button><div id=p popover>popover</div><div id=m popover=manual>manual</div>",
        head="<style>[popover]{color:red}[popover]:popover-open{border:4px solid green}</style>",
        steps=(click("#b"), "p.hidePopover()", "m.showPopover()", "p.showPopover()", "m.hidePopover()"),
        differs=Difference((r"html/body/div", r"picture"), "rrweb records no popovers"),
    ),
    "popover-open-at-first": WebPage(
        body="<div id=p popover>popover</div><script>p.showPopover()</script>",
        steps=("p.append(' more')", "p.hidePopover()"),
        differs=Difference((r"html/body/div", r"picture"), "rrweb records no popovers"),
    ),
    "fullscreen": WebPage(
        body="<p>page</p><div id=f style='background:gold'>full <button id=b>button</button></div>",
        steps=(
            "document.body.addEventListener('click', () => f.requestFullscreen(), {once: true})",
            click("p"),
            click("#b"),
            "await document.exitFullscreen()",
        ),
        differs=Difference((r"(z-index|overflow-x|box-shadow)",), "a replay shows it by a style sheet"),
    ),
    "scroll": WebPage(body=_TALL, steps=("scrollTo(300, 1500)", "scrollTo(0, 200)", "scrollTo(0, 0)")),
    "scrolled-at-first": WebPage(body=f"{_TALL}<script>scrollTo(40, 700)</script>", steps=("scrollBy(0, 100)",)),
    "scroll-of-elements": WebPage(
        body=f"<div id=a style='width:300px;height:200px;overflow:auto'>{_TALL}</div><textarea id=t rows=2>1\n2\n3\n4\n5\n6</textarea>",
        steps=("a.scrollTo(100, 400)", "t.scrollTop = 40", "a.firstChild.style.height = '100px'"),
    ),
    "scrolled-elements-at-first": WebPage(
        body=f"<div id=a style='width:300px;height:200px;overflow:auto'>{_TALL}</div><script>a.scrollTop = 333</script>",
        steps=("a.append('more')",),
    ),
    "smooth-scroll": WebPage(
        body=f"{_TALL}<div id=a style='width:300px;height:200px;overflow:auto;scroll-behavior:smooth'>{_TALL}</div>",
        head="<style>html{scroll-behavior:smooth}</style>",
        steps=(
            "scrollTo({top: 900, behavior: 'instant'})",
            "await new Promise((done) => { onscrollend = done; scrollTo(0, 1800) })",
            "await new Promise((done) => { a.onscrollend = done; a.scrollTo(0, 300) })",
        ),
    ),
    "scroll-of-late-contents": WebPage(
        body="<div id=a>short</div>",
        steps=("a.style.height = '4000px'; scrollTo(0, 2500)", "a.style.height = '3000px'", "scrollTo(0, 100)"),
    ),
    "scroll-of-late-style": WebPage(
        body="<div id=a style='width:200px;height:100px'><div style='height:900px'>high</div></div>",
        steps=(
            "document.head.insertAdjacentHTML('beforeend', '<style>#a{overflow:auto}</style>'); a.scrollTop = 500",
            "a.append('more')",
        ),
    ),
    "body-scrolls": WebPage(
        body=_TALL,
        head="<style>html,body{height:100%;margin:0;overflow:auto}</style>",
        steps=("document.body.scrollTo(50, 600)", "document.body.scrollTo(0, 1200)"),
    ),
    "sticky-and-fixed": WebPage(
        body=f"<header style='position:sticky;top:0;background:gold'>sticky</header>{_TALL}"
        "<footer style='position:fixed;bottom:0'>fixed</footer>",
        steps=("scrollTo(0, 1200)",),
    ),
    "window-resized": WebPage(
        body="<p>words</p><div style='width:50vw;height:20vh;background:gold'></div>",
        head="<style>@media (max-width:600px){p{color:red}}</style>",
        steps=(
            lambda page: page.set_viewport_size({"width": 500, "height": 400}),
            lambda page: page.set_viewport_size({"width": 800, "height": 600}),
        ),
        differs=Difference((r"picture: .500",), "the window of the test keeps its size"),
    ),
    "document-written-at-first": WebPage(
        body="<p>before</p><script>document.write('<p>written</p><ul><li>item')</script><p>after</p>",
        steps=("document.querySelector('li').append(' more')",),
    ),
    "document-written-anew": WebPage(
        body="<p>old</p>",
        steps=(
            (
                "document.open(); document.write('<!doctype html><title>new</title><p id=p>new</p>'); document.close(); "
                "await new Promise((done) => setTimeout(done, 1500))"
            ),
            "p.append(' more')",
        ),
    ),
    "body-replaced": WebPage(
        body="<p>old</p>",
        steps=(
            "const b = document.createElement('body'); b.innerHTML = '<p>new body</p>'; b.style.background = 'gold'; document.body = b",
            "document.body.append('more')",
        ),
    ),
    "pages-of-one-application": WebPage(
        body="<nav><a id=x href='a'>A</a><a id=y href='b'>B</a></nav><main id=m>start</main><script>"
        "document.onclick = (e) => { if (e.target.href) { e.preventDefault(); history.pushState({}, '', e.target.href); show() } };"
        "const show = () => { m.innerHTML = `<h1>${location.pathname.split('/').pop()}</h1><p>${'text '.repeat(50)}` };"
        "onpopstate = show</script>",
        steps=(
            click("#x"),
            click("#y"),
            "history.back(); await new Promise((done) => setTimeout(done, 100))",
            "location.hash = 'part'",
        ),
    ),
    "virtual-list": WebPage(
        body="<div id=v style='height:300px;overflow:auto'><div id=r style='height:20000px;position:relative'></div></div><script>"
        "const draw = () => { const from = Math.floor(v.scrollTop / 20); r.innerHTML = ''; for (let n = from; n < from + 20; n += 1) "
        "r.insertAdjacentHTML('beforeend', `<div style='position:absolute;top:${n * 20}px'>row ${n}</div>`) };"
        "v.onscroll = draw; draw()</script>",
        steps=("v.scrollTop = 5000", "v.scrollTop = 12000", "v.scrollTop = 100"),
    ),
    "rendered-by-a-framework": WebPage(
        body="<div id=root></div><input id=f><script>"
        "let todos = [{n: 1, done: false}]; const render = () => { const next = document.createElement('ul'); for (const t of todos) { "
        "const li = document.createElement('li'); const box = Object.assign(document.createElement('input'), {type: 'checkbox', "
        "checked: t.done}); box.onchange = () => { t.done = box.checked; render() }; li.append(box, ` todo ${t.n}`); "
        "li.className = t.done ? 'done' : ''; next.append(li) } root.replaceChildren(next) };"
        "f.onkeydown = (e) => { if (e.key === 'Enter') { todos.push({n: f.value, done: false}); f.value = ''; render() } }; render()"
        "</script>",
        head="<style>.done{text-decoration:line-through}</style>",
        steps=(
            click("input[type=checkbox]"),
            fill("#f", "milk"),
            lambda page: page.press("#f", "Enter"),
            click("li:last-child input"),
        ),
    ),
    "zones": WebPage(
        head="<script>const patch = (host, name) => { const own = host[name]; host[name] = function (...all) { "
        "return own.apply(this, all.map((one) => typeof one === 'function' ? (...got) => one(...got) : one)) } }; "
        "patch(window, 'setTimeout'); patch(EventTarget.prototype, 'addEventListener'); const M = MutationObserver; "
        "window.MutationObserver = function (work) { return new M((...all) => work(...all)) }; "
        "window.MutationObserver.prototype = M.prototype</script>",
        body="<ul id=u></ul><button id=b>add</button><script>b.addEventListener('click', () => { "
        "setTimeout(() => u.insertAdjacentHTML('beforeend', '<li>item'), 10) })</script>",
        steps=(click("#b"), click("#b")),
    ),
    "focus": WebPage(
        body="<input id=a><button id=b>b</button><form id=f><input id=c></form>",
        head="<style>:focus{background:gold}form:focus-within{border:3px solid red}</style>",
        steps=("a.focus()", "c.focus()"),
    ),
    "selection": WebPage(
        body="<p id=p>some words to select</p>",
        steps=(
            "getSelection().setBaseAndExtent(p.firstChild, 5, p.firstChild, 10)",
            "getSelection().removeAllRanges()",
        ),
        differs=Difference((r"picture",), "the selection of a page without focus has another colour"),
    ),
}
