// The view: draws what the owner gives it, and calls its methods. It knows neither lines nor the database.

import { start } from "./owner.js";

const phase = document.createElement("p");
document.body.append(phase);

const owner = start({ onChange: () => requestAnimationFrame(draw) });

function draw() {
  phase.textContent = owner.view().phase;
}

draw();
