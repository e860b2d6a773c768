import { serve } from "../plugin.ts";
import { tailscalePlugin } from "./tailscale.ts";

await serve(tailscalePlugin(fetch));
