"""SVG, canvases and media."""

from __future__ import annotations

from .page import Difference, WebPage

_CANVAS = "<canvas id=c width=200 height=100 style='border:3px solid'></canvas>"
_2D = "window.x = c.getContext('2d'); x.fillStyle = 'red'; x.fillRect(10, 10, 80, 60)"
_GL = "window.g = c.getContext('{kind}', {{preserveDrawingBuffer: true}}); g.clearColor(0, 0.5, 0.25, 1); g.clear(g.COLOR_BUFFER_BIT)"
_TONE = (
    "(() => { const n = 64000, v = new DataView(new ArrayBuffer(44 + n)); const s = (at, t) => [...t].forEach((c, i) => "
    "v.setUint8(at + i, c.charCodeAt(0))); s(0, 'RIFF'); v.setUint32(4, 36 + n, true); s(8, 'WAVEfmt '); v.setUint32(16, 16, true); "
    "v.setUint16(20, 1, true); v.setUint16(22, 1, true); v.setUint32(24, 8000, true); v.setUint32(28, 8000, true); "
    "v.setUint16(32, 1, true); v.setUint16(34, 8, true); s(36, 'data'); v.setUint32(40, n, true); "
    "return 'data:audio/wav;base64,' + btoa(String.fromCharCode(...new Uint8Array(v.buffer))) })()"
)

DRAWINGS = {
    "svg": WebPage(
        body="<svg id=s width=200 height=100 viewBox='0 0 100 50'><circle id=c cx=20 cy=20 r=10 fill=red />"
        "<text x=40 y=30>words</text><foreignObject x=60 y=5 width=40 height=20><p style='margin:0'>html</p></foreignObject></svg>",
        steps=(
            "c.setAttribute('r', 18); c.style.fill = 'teal'",
            (
                "const r = document.createElementNS('http://www.w3.org/2000/svg', 'rect'); for (const [n, v] of "
                "Object.entries({x: 1, y: 1, width: 9, height: 9})) r.setAttribute(n, v); s.append(r)"
            ),
            's.insertAdjacentHTML(\'beforeend\', \'<g transform="rotate(10)"><path d="M0 0L50 50" stroke="blue"/></g>\')',
        ),
    ),
    "svg-use": WebPage(
        body="<svg width=0 height=0><symbol id=one viewBox='0 0 10 10'><rect width=10 height=10 fill=red /></symbol>"
        "<symbol id=two viewBox='0 0 10 10'><circle cx=5 cy=5 r=5 fill=blue /></symbol></svg>"
        "<svg width=60 height=60><use id=u xlink:href='#one' /></svg><svg width=60 height=60><use id=v href='#two' /></svg>",
        steps=(
            "u.setAttributeNS('http://www.w3.org/1999/xlink', 'xlink:href', '#two')",
            "v.setAttribute('href', '#one'); u.removeAttributeNS('http://www.w3.org/1999/xlink', 'href')",
            "u.setAttribute('href', '#one')",
        ),
    ),
    "svg-references": WebPage(
        body="<svg width=300 height=100><defs><linearGradient id=g><stop offset=0 stop-color=red /><stop offset=1 stop-color=blue />"
        "</linearGradient><clipPath id=k><circle cx=50 cy=50 r=40 /></clipPath><mask id=m><rect width=50 height=100 fill=white />"
        "</mask><filter id=f><feFlood flood-color=green /></filter><pattern id=t width=10 height=10 patternUnits=userSpaceOnUse>"
        "<path d='M0 0h5v5z'/></pattern></defs><rect id=r width=100 height=100 fill='url(#g)' clip-path='url(#k)' />"
        "<rect id=q x=110 width=80 height=80 fill='url(#t)' /></svg>",
        steps=(
            "r.setAttribute('mask', 'url(#m)'); r.removeAttribute('clip-path')",
            "q.setAttribute('filter', 'url(#f)')",
        ),
    ),
    "svg-style": WebPage(
        body="<svg width=100 height=50><style>.a{fill:green}</style><rect class=a width=40 height=40 /><a href='#x'>"
        "<text y=45>link</text></a><image id=i width=20 height=20 x=60 /></svg>",
        steps=(
            "document.querySelector('svg style').textContent = '.a { fill: orange }'",
            "i.setAttribute('href', `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><rect width='20' height='20' fill='red'/></svg>`)",
        ),
    ),
    "mathml": WebPage(
        body="<math id=m><mfrac><mi>a</mi><mn>2</mn></mfrac></math>",
        steps=(
            "const e = document.createElementNS('http://www.w3.org/1998/Math/MathML', 'msqrt'); e.textContent = 'x'; m.append(e)",
        ),
    ),
    "canvas": WebPage(
        body=_CANVAS,
        canvas=True,
        steps=(
            _2D,
            "x.fillStyle = 'rgb(0 0 255 / 50%)'; x.beginPath(); x.arc(100, 50, 40, 0, 7); x.fill(); x.strokeText('words', 20, 90)",
            "x.save(); x.translate(150, 20); x.rotate(0.5); x.fillStyle = '#080'; x.fillRect(0, 0, 30, 30); x.restore()",
        ),
    ),
    "canvas-gradients-and-paths": WebPage(
        body=_CANVAS,
        canvas=True,
        steps=(
            (
                "window.x = c.getContext('2d'); const g = x.createLinearGradient(0, 0, 200, 0); g.addColorStop(0, 'red'); "
                "g.addColorStop(1, 'blue'); x.fillStyle = g; x.fillRect(0, 0, 200, 50)"
            ),
            "const p = new Path2D('M10 60 L60 60 L35 95 Z'); x.fillStyle = 'green'; x.fill(p)",
        ),
        differs=Difference((r"picture",), "rrweb records no gradients, patterns and paths of canvases"),
    ),
    "canvas-of-the-first-moment": WebPage(
        body=f"{_CANVAS}<script>{_2D}</script>",
        canvas=True,
        steps=("x.clearRect(20, 20, 20, 20)", "c.width = 120; x.fillRect(0, 0, 50, 50)"),
    ),
    "canvas-with-pictures": WebPage(
        body=_CANVAS + "<canvas id=d width=40 height=40 hidden></canvas>",
        canvas=True,
        steps=(
            "const y = d.getContext('2d'); y.fillStyle = 'teal'; y.fillRect(0, 0, 40, 40); c.getContext('2d').drawImage(d, 30, 30)",
            "const x = c.getContext('2d'); const part = x.getImageData(30, 30, 20, 20); x.putImageData(part, 100, 10)",
        ),
    ),
    "canvas-not-recorded": WebPage(
        body=f"<p>before</p>{_CANVAS}<p>after</p>",
        steps=(_2D,),
        differs=Difference((r"picture",), "contents of canvases are recorded with the option canvas only"),
    ),
    "webgl": WebPage(body=_CANVAS, canvas=True, steps=(_GL.format(kind="webgl"),)),
    "webgl2": WebPage(body=_CANVAS, canvas=True, steps=(_GL.format(kind="webgl2"),)),
    "webgl-triangle": WebPage(
        body=_CANVAS,
        canvas=True,
        steps=(
            (
                "const g = c.getContext('webgl', {preserveDrawingBuffer: true}); const p = g.createProgram(); const add = (kind, text) => { "
                "const s = g.createShader(kind); g.shaderSource(s, text); g.compileShader(s); g.attachShader(p, s) }; "
                "add(g.VERTEX_SHADER, 'attribute vec2 a; void main() { gl_Position = vec4(a, 0, 1); }'); "
                "add(g.FRAGMENT_SHADER, 'precision mediump float; uniform vec4 k; void main() { gl_FragColor = k; }'); "
                "g.linkProgram(p); g.useProgram(p); g.bindBuffer(g.ARRAY_BUFFER, g.createBuffer()); "
                "g.bufferData(g.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, 0, 1]), g.STATIC_DRAW); "
                "const at = g.getAttribLocation(p, 'a'); g.enableVertexAttribArray(at); g.vertexAttribPointer(at, 2, g.FLOAT, false, 0, 0); "
                "g.uniform4f(g.getUniformLocation(p, 'k'), 1, 0, 0, 1); g.drawArrays(g.TRIANGLES, 0, 3)"
            ),
        ),
    ),
    "audio": WebPage(
        body="<audio id=a controls></audio>",
        steps=(
            f"a.src = {_TONE}; await new Promise((done) => {{ a.onloadedmetadata = done }})",
            "a.volume = 0.5; a.muted = true; await new Promise((done) => { a.onseeked = done; a.currentTime = 3 })",
        ),
        differs=Difference(
            (r"audio (muted|volume|time)", r"picture"),
            "a seek does not restore the state of a medium with an address that a script has set",
        ),
    ),
    "audio-that-played": WebPage(
        body="<audio id=a controls loop muted></audio>",
        steps=(
            f"a.src = {_TONE}; await a.play()",
            "a.playbackRate = 2; a.pause(); await new Promise((done) => { a.onseeked = done; a.currentTime = 5 })",
        ),
        differs=Difference(
            (r"audio (paused|time)", r"picture"),
            "a seek does not restore the state of a medium with an address that a script has set",
        ),
    ),
    "video": WebPage(
        body="<video id=v width=200 height=100 controls poster=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' "
        "width='200' height='100'><rect width='200' height='100' fill='teal'/></svg>\"></video>",
        steps=("v.width = 300",),
    ),
    "objects": WebPage(
        body="<object id=o type=image/svg+xml width=50 height=50>fallback</object><embed width=40 height=40 src='data:,'>"
        "<map name=m><area shape=rect coords='0,0,9,9' href='#a'></map>",
        differs=Difference(
            (r"(object2?|embed) (box|element)", r"(html|body|map) box", r"picture"),
            "embedded documents are neither recorded nor loaded",
        ),
    ),
}
