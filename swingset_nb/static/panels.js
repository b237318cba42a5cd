// The code that the panels of a kernel share, as a widget that is never shown: it is sent once.
import { explorer } from "./explorer/explorer.js";
import { proposal } from "./proposal_panel.js";
import { upgrade } from "./upgrade_panel.js";

export default { initialize: () => ({ explorer, proposal, upgrade }) };
