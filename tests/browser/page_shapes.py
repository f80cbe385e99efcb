"""Pages of many shapes, each with a target to click and a measure of where it is on the page, without the recorder."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 1280, 800
"""The visitor's viewport."""

FILL = '<div style="height:{}px;background:linear-gradient(#fff,#ddd)"></div>'
TARGET = '<button id="target" style="{}">Target</button>'
INSIDE = "position:fixed;left:50px;top:1300px"
FROM_RIGHT = TARGET.format("position:absolute;right:1800px;top:900px")
LONG = FILL.format(4_000)
AT = "position:absolute;left:{}px;top:{}px"


@dataclass(frozen=True)
class Shape:
    """A page.

    Attributes:
        body: Its body; the target has the id `target`.
        style: Its style sheet.
        html: Attributes of the element `html`.
        before: JavaScript that the visitor's actions stand for, such as scrolling, before the click.
        frames: Selectors of the frames around the target, the outermost first.
        scroller: Selector of the element that scrolls the page; "": the document.
        in_picture: Whether the target's place is that in a window as high as the page, in which nothing is scrolled;
            else it is where it was seen, plus the scroll position.
        offset: Position of the click in the target; None: its centre.
    """

    body: str
    style: str = ""
    html: str = 'lang="en"'
    before: str = ""
    frames: tuple[str, ...] = ()
    scroller: str = ""
    in_picture: bool = False
    offset: tuple[float, float] | None = None

    @property
    def document(self) -> str:
        return (
            f'<!doctype html><html {self.html}><head><meta charset="utf-8"><title>A shape</title>'
            f'<link rel="icon" href="data:,">SCRIPT<style>body{{margin:0}}{self.style}</style></head>'
            f"<body>{self.body}</body></html>"
        )


def tall(target: str, height: int = 4_000) -> str:
    return f'<div style="position:relative;height:{height}px">{target}</div>'


def frame(inner: str, style: str = "width:400px;height:300px") -> str:
    return f"<iframe id=f style='{style}' srcdoc='{inner}'></iframe>"


def down(pixels: int, selector: str = "") -> str:
    scrolled = f'document.querySelector("{selector}")' if selector else "window"
    return f'{scrolled}.scrollTo({{top: {pixels}, behavior: "instant"}})'


BUTTON = TARGET.format(AT.format(100, 2_300))
BAR = "position:{};left:0;right:0;{};height:60px;background:#eee"
FULL = "html,body{height:100%;margin:0;overflow:auto}"
SHELL = (
    "html,body{height:100%}#app{height:100%;display:flex;flex-direction:column}main{flex:1;overflow:auto;min-height:0}"
)

SHAPES = {
    "plain": Shape(tall(TARGET.format(AT.format(100, 400)))),
    "scrolled": Shape(tall(BUTTON), before=down(2_000)),
    "scrolled-both-ways": Shape(
        f'<div style="position:relative;width:3000px;height:4000px">{TARGET.format(AT.format(2_000, 2_300))}</div>',
        before="window.scrollTo(1500, 2000)",
    ),
    "smooth": Shape(tall(BUTTON), "html{scroll-behavior:smooth}", before=down(2_000)),
    "body-scrolls": Shape(tall(BUTTON), FULL, before=down(2_000, "body"), scroller="body", in_picture=True),
    "main-scrolls": Shape(
        f'<div id=app><header style="height:60px">Head</header><main>{tall(BUTTON)}</main></div>',
        SHELL,
        before=down(2_000, "main"),
        scroller="main",
        in_picture=True,
    ),
    "beside-the-main-part": Shape(
        f'<div id=app><header style="height:60px">{TARGET.format("margin:10px")}</header><main>{tall("")}</main></div>',
        SHELL,
        before=down(2_000, "main"),
        scroller="main",
        in_picture=True,
    ),
    "below-the-main-part": Shape(
        f'<div id=app><main>{tall("")}</main><footer style="height:60px">{TARGET.format("margin:10px")}</footer></div>',
        SHELL,
        before=down(2_000, "main"),
        scroller="main",
        in_picture=True,
    ),
    "fixed-top": Shape(
        f'<header style="{BAR.format("fixed", "top:0")}">{TARGET.format("margin:10px")}</header>{LONG}',
        before=down(1_000),
        in_picture=True,
    ),
    "fixed-bottom": Shape(
        f'<footer style="{BAR.format("fixed", "bottom:0")}">{TARGET.format("margin:10px")}</footer>{LONG}',
        before=down(3_000),
        in_picture=True,
    ),
    "fixed-bubble": Shape(
        TARGET.format("position:fixed;right:20px;bottom:20px") + LONG, before=down(500), in_picture=True
    ),
    "fixed-dialog": Shape(
        f'{LONG}<dialog id=d style="width:300px;height:200px">{TARGET.format("")}</dialog>',
        before=f'{down(1_500)}; document.getElementById("d").showModal()',
        in_picture=True,
    ),
    "fixed-in-transformed": Shape(
        f'<div style="transform:translateX(0);height:4000px">{TARGET.format(INSIDE)}</div>',
        before=down(1_000),
    ),
    "sticky-header": Shape(
        f'<header style="{BAR.format("sticky", "top:0")}">{TARGET.format("margin:10px")}</header>{LONG}',
        before=down(1_000),
        in_picture=True,
    ),
    "sticky-after-a-hero": Shape(
        f'{FILL.format(500)}<nav style="{BAR.format("sticky", "top:10px")}">{TARGET.format("margin:10px")}</nav>'
        + LONG,
        before=down(2_000),
        in_picture=True,
    ),
    "sticky-aside": Shape(
        '<div style="height:300px">Head</div><div style="display:flex;align-items:flex-start;padding:30px">'
        f'<main style="flex:1">{LONG}</main>'
        f'<aside style="position:sticky;top:20px;width:200px">{TARGET.format("margin:10px")}</aside></div>',
        before=down(1_500),
        in_picture=True,
    ),
    "sticky-table-head": Shape(
        f'<div style="height:200px"></div><table style="border-spacing:0"><thead><tr><th style="position:sticky;top:0">'
        f"{TARGET.format('margin:10px')}</th></tr></thead><tbody><tr><td>{FILL.format(3_000)}</td></tr></tbody></table>",
        before=down(1_200),
        in_picture=True,
    ),
    "sticky-at-the-bottom": Shape(
        f'{LONG}<footer style="{BAR.format("sticky", "bottom:0")}">{TARGET.format("margin:10px")}</footer>',
        before=down(100),
        in_picture=True,
    ),
    "container": Shape(
        FILL.format(600)
        + f'<div id=c style="height:300px;overflow:auto">{tall(TARGET.format(AT.format(100, 1_100)), 2_000)}</div>'
        + FILL.format(2_000),
        before=f"{down(300)}; {down(1_000, '#c')}",
    ),
    "carousel": Shape(
        '<div id=c style="overflow-x:auto;width:600px"><div style="width:3000px;height:200px;position:relative">'
        f"{TARGET.format(AT.format(1_600, 50))}</div></div>{FILL.format(2_000)}",
        before='document.querySelector("#c").scrollLeft = 1400',
    ),
    "frame": Shape(FILL.format(900) + frame(TARGET.format("margin:40px")) + FILL.format(2_000), frames=("#f",)),
    "frame-that-moves": Shape(
        '<div id=late style="height:10px"></div>' + frame(TARGET.format("margin:40px")) + FILL.format(3_000),
        before='document.getElementById("late").style.height = "700px"',
        frames=("#f",),
    ),
    "frame-that-scrolls": Shape(
        FILL.format(200) + frame('<div style="height:1500px"></div>' + TARGET.format("")) + FILL.format(2_000),
        before='document.getElementById("f").contentWindow.scrollTo(0, 1000)',
        frames=("#f",),
    ),
    "frame-in-a-scrolled-container": Shape(
        '<div id=c style="height:400px;overflow:auto"><div style="height:900px"></div>'
        + frame(TARGET.format("margin:40px"))
        + '<div style="height:900px"></div></div>'
        + FILL.format(2_000),
        before=down(800, "#c"),
        frames=("#f",),
    ),
    "scaled-frame": Shape(
        frame(
            TARGET.format("margin:40px"),
            "width:800px;height:600px;transform:scale(.5);transform-origin:0 0;border:5px solid;padding:7px",
        )
        + FILL.format(2_000),
        frames=("#f",),
    ),
    "fixed-frame": Shape(
        frame(TARGET.format("margin:40px"), "position:fixed;right:0;bottom:0;width:300px;height:200px") + LONG,
        before=down(1_000),
        frames=("#f",),
        in_picture=True,
    ),
    "from-right": Shape(tall(BUTTON), html='lang="ar" dir="rtl"', before=down(2_000)),
    "from-right-and-wide": Shape(
        f'<div style="position:relative;width:3000px;height:2000px">{FROM_RIGHT}</div>',
        html='lang="ar" dir="rtl"',
        before="window.scrollTo(-1500, 700)",
    ),
    "zoomed": Shape(tall(BUTTON), "body{zoom:1.5}", before=down(3_000)),
    "transformed": Shape(
        '<div style="transform:scale(1.5) rotate(3deg);transform-origin:0 0">'
        + tall(TARGET.format(AT.format(200, 700)), 2_000)
        + "</div>",
        before=down(500),
    ),
    "shadow": Shape(
        FILL.format(1_200) + "<div id=host></div>" + FILL.format(1_200),
        before='document.getElementById("host").attachShadow({mode: "open"}).innerHTML = '
        f"""'{TARGET.format("margin:30px")}'; {down(900)}""",
    ),
    "icon-in-a-button": Shape(
        tall(
            f'<button style="{AT.format(300, 900)};padding:20px"><svg id=target width=24 height=24>'
            "<rect width=24 height=24></rect></svg> Search everywhere</button>"
        ),
        before=down(600),
    ),
    "upper-left-corner": Shape(tall(TARGET.format(AT.format(0, 0))), offset=(1, 1)),
    "lower-right-corner": Shape(
        '<div style="position:relative;height:3000px">'
        '<button id=target style="position:absolute;right:0;bottom:0;width:90px;height:40px">Target</button></div>',
        before=down(3_000),
        offset=(88, 38),
    ),
    "quirks": Shape(tall(BUTTON), before=down(2_000)),
    "as-high-as-the-window": Shape(
        f'<section style="height:100vh;background:#cde"></section>{tall(TARGET.format(AT.format(100, 900)), 2_000)}',
        before=down(1_000),
    ),
}
