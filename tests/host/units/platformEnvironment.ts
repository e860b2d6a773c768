// Prints /etc/moltbot/platform.env as the program renders it.
import { readFileSync } from "node:fs";
import { moltbot } from "../../../infra/platforms/moltbot.ts";
import { platformValues } from "../../../infra/platforms/platform.ts";
import { repository } from "../../../infra/render.ts";
import { fillIn } from "../../../infra/template.ts";

const file = "quadlets/host/platform.env";
const text = readFileSync(repository + file, "utf8");
process.stdout.write(fillIn(file, text, platformValues(moltbot)));
