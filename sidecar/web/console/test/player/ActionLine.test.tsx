import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { ActionLine } from "../../src/player/ActionLine";
import { actionsOf } from "../../src/player/actions";
import { click, error, errorClick, target } from "./interactions";

const drawn = (...interactions: Parameters<typeof actionsOf>[0][number][]): HTMLElement => {
  const box = document.createElement("div");
  const actions = actionsOf(interactions, []);
  box.innerHTML = renderToStaticMarkup(
    <>
      {actions.map((action) => (
        <ActionLine key={action.timeMs} action={action} />
      ))}
    </>,
  );
  return box;
};
const NASTY = `"><img src=x onerror=alert(1)><b>Buy</b> & 'go'`;

describe("an action's line", () => {
  it("emphasises the name, in its own direction, and has the role beside it", () => {
    const box = drawn(click(1_000, { target: target("הורדה") }));
    expect(box.querySelector("b > bdi")?.textContent).toBe("הורדה");
    expect(box.textContent).toBe("Clicked הורדהbutton");
    expect(box.querySelector("[title]")?.getAttribute("title")).toContain("#download");
  });

  it("has a message in the place of the role", () => {
    const box = drawn(errorClick(1_000, '"no answer"', { target: target("Pay") }));
    expect(box.textContent).toBe("Error after click on Pay:no answer");
  });

  it("shows a selector as code", () => {
    const box = drawn(click(1_000, { target: target("", { selector: "#pay > svg" }) }));
    expect(box.querySelector("code > bdi")?.textContent).toBe("#pay > svg");
    expect(box.querySelector("b")).toBeNull();
  });

  it("does not interpret HTML of a name, a selector or a message", () => {
    const about = { target: target(NASTY, { selector: NASTY, role: NASTY }) };
    const detail = JSON.stringify(NASTY);
    const box = drawn(click(1_000, about), errorClick(2_000, detail, about), error(2_100, detail));
    expect(box.querySelector("img")).toBeNull();
    expect(box.querySelectorAll("b > bdi")).toHaveLength(2);
    expect(box.querySelector("b > bdi")?.textContent).toBe(NASTY);
    expect(box.querySelector("[title]")?.getAttribute("title")).toContain(NASTY);
  });
});
