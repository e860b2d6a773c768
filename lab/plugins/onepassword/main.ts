import { serve } from "../plugin.ts";
import { onepasswordPlugin } from "./onepassword.ts";

await serve(onepasswordPlugin(fetch));
