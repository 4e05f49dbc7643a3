/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** The relay's URL, where the page is not served by the relay itself. */
  readonly VITE_SWS_RELAY?: string;
}
