// Starts what the page at hand needs. Every page works without it; this makes it quicker to use.
import { startMenus } from "./menus.js";
import { startLists } from "./lists.js";
import { startForms } from "./forms.js";
import { startCombos } from "./combo.js";
import { startFind } from "./find.js";
import { startDialogs } from "./dialogs.js";
import { startTabs } from "./tabs.js";

export function start(root = document) {
  startTabs(root);
  startCombos(root);
  startForms(root);
  startLists(root);
}

startMenus();
startFind();
startDialogs(start);
start();
document.documentElement.dataset.ready = "yes";
