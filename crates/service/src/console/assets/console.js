// What a page does more with JavaScript: progress of an upload, and a job that is watched. Everything else is forms.
"use strict";

const text = (id, value) => { const found = document.getElementById(id); if (found) found.textContent = value; };
const counted = (number) => number.toLocaleString("en-US");

// A form that is sent when something is chosen
for (const chooser of document.querySelectorAll("[data-send]")) {
  chooser.addEventListener("change", () => chooser.form.requestSubmit());
}

// A page that prints itself
for (const printer of document.querySelectorAll("[data-print]")) {
  printer.hidden = false;
  printer.addEventListener("click", () => window.print());
}

const upload = document.getElementById("upload");
if (upload) {
  const file = document.getElementById("file");
  const progress = document.getElementById("progress");
  const [bar, said] = [progress.querySelector("progress"), progress.querySelector("output")];
  const HASHED = 256 * 1024 * 1024;

  const digest = async (content) => {
    if (content.size > HASHED || !crypto.subtle) return "";
    const hash = await crypto.subtle.digest("SHA-256", await content.arrayBuffer());
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  const send = (content, hash) => new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("form_token", upload.elements.form_token.value);
    form.append("sha256", hash);
    form.append("file", content, content.name);
    const request = new XMLHttpRequest();
    const begin = performance.now();
    request.open("POST", upload.action);
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = event.loaded / event.total;
      const rate = event.loaded / 1048576 / Math.max(0.001, (performance.now() - begin) / 1000);
      said.value = `${content.name}: ${Math.floor(100 * bar.value)} %, ${rate.toFixed(1)} MiB/s`;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) return resolve();
      const page = new DOMParser().parseFromString(trusted(request.responseText), "text/html");
      const detail = page.querySelector(".trouble p");
      reject(new Error(detail ? detail.textContent : `the service answered ${request.status}`));
    });
    request.addEventListener("error", () => reject(new Error("the connection broke off; nothing of the file is kept")));
    request.send(form);
  });

  const sendAll = async (files) => {
    progress.hidden = false;
    for (const content of files) {
      said.value = `${content.name}: computing the SHA-256`;
      try {
        await send(content, await digest(content));
      } catch (error) {
        said.value = `${content.name} was not taken: ${error.message}`;
        progress.classList.add("failed");
        return;
      }
    }
    location.assign("/console/uploads");
  };

  upload.addEventListener("submit", (event) => {
    if (file.files.length === 0) return;
    event.preventDefault();
    sendAll(file.files);
  });
  upload.addEventListener("dragover", (event) => { event.preventDefault(); upload.classList.add("over"); });
  upload.addEventListener("dragleave", () => upload.classList.remove("over"));
  upload.addEventListener("drop", (event) => {
    event.preventDefault();
    upload.classList.remove("over");
    if (event.dataTransfer.files.length > 0) sendAll(event.dataTransfer.files);
  });
}

// The one text that is parsed is an answer of this service; it is read, and never put into the page
function trusted(answer) {
  if (!window.trustedTypes) return answer;
  const policy = trustedTypes.createPolicy("answers", { createHTML: (value) => value });
  return policy.createHTML(answer);
}

const job = document.getElementById("job");
if (job && job.dataset.over === "false") {
  const events = new EventSource(job.dataset.events);
  const live = document.querySelector("#live p");
  const bar = document.querySelector("#live progress");
  const chart = document.getElementById("chart");
  const first = document.querySelector("#state .state").textContent.replaceAll(" ", "-");
  let stage = "", last = null, rates = [];

  events.addEventListener("progress", (event) => {
    const found = JSON.parse(event.data);
    const now = performance.now();
    live.hidden = false;
    if (found.stage !== stage) { stage = found.stage; last = null; rates = []; text("stage", stage); text("rate", ""); }
    bar.max = Math.max(1, found.total);
    if (found.total > 0) bar.value = found.done; else bar.removeAttribute("value");
    text("done", counted(found.done) + (found.total > 0 ? ` of ${counted(found.total)}` : ""));
    if (last && found.done > last.done) {
      const rate = (found.done - last.done) / ((now - last.at) / 1000);
      rates.push(rate);
      if (rates.length > 240) rates.shift();
      text("rate", `${counted(Math.round(rate))} a second`);
      draw(rates);
    }
    last = { done: found.done, at: now };
  });

  // the page is written by the service: a new state is a new page. The stream begins with what happened before
  let seen = first, timer = 0;
  events.addEventListener("state", (event) => {
    const found = JSON.parse(event.data);
    seen = found.state;
    clearTimeout(timer);
    timer = setTimeout(() => {
      text("reason", found.reason || "");
      if (seen !== first) location.reload();
    }, 400);
  });

  const draw = (values) => {
    if (values.length < 2) return;
    chart.hidden = false;
    const svg = chart.querySelector("svg");
    const most = Math.max(...values);
    const make = (name, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      return made;
    };
    const points = values.map((value, at) => `${(at * 600 / (values.length - 1)).toFixed(1)},${(112 - 96 * value / most).toFixed(1)}`);
    const label = make("text", { x: 4, y: 12 });
    label.textContent = `${counted(Math.round(most))} a second`;
    svg.replaceChildren(make("polyline", { points: points.join(" ") }), label);
  };
}
