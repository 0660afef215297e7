// What the page says, in the reader's language.

const english = {
  feed: "Feed",
  videos: "My videos",
  signIn: "Sign in",
  signUp: "Sign up",
  signOut: "Sign out",
  email: "E-mail address",
  password: "Password",
  username: "User name",
  usernameRule: "3 to 32 of a–z, 0–9, _ and -",
  passwordRule: "8 characters or more",
  haveAccount: "I have an account",
  needAccount: "I need an account",
  upload: "Upload",
  chooseFiles: "Choose files, or drop them here",
  pause: "Pause",
  resume: "Go on",
  remove: "Remove",
  done: "done",
  paused: "paused",
  left: "left",
  storage: "Storage",
  bandwidth: "Bandwidth today",
  of: "of",
  nothingHere: "There is nothing here yet.",
  search: "Search",
  title: "Title",
  visibility: "Who may see it",
  private: "private",
  unlisted: "whoever has the link",
  public: "everybody",
  save: "Save",
  delete: "Move to the trash",
  restore: "Take out of the trash",
  deleteForGood: "Delete for good",
  trash: "Trash",
  more: "Show more",
  watch: "Watch",
  copyLink: "Copy link",
  copied: "Copied",
  views: "views",
  unplayable: "This film cannot be played.",
  uploading: "uploading",
  notFound: "There is no such page.",
  "error.invalid_credentials": "The address or the password is not right.",
  "error.email_taken": "Somebody has an account with this address.",
  "error.username_taken": "Somebody has this user name.",
  "error.too_many_attempts": "Too many attempts. Please wait a little.",
  "error.quota_exceeded": "There is not enough room left.",
  "error.bandwidth_exceeded": "Today's bandwidth is used up.",
  "error.file_exists": "You have a file of that name.",
  "error.network": "The network is gone. It goes on when it is back.",
  "error.unavailable": "The service has too much to do. Please try again.",
  "error.not_found": "There is no such video.",
  "error.precondition_failed": "It was changed somewhere else meanwhile.",
  "error.unknown": "Something went wrong.",
};

export type Key = keyof typeof english;

const german: Record<Key, string> = {
  feed: "Neues",
  videos: "Meine Videos",
  signIn: "Anmelden",
  signUp: "Registrieren",
  signOut: "Abmelden",
  email: "E-Mail-Adresse",
  password: "Passwort",
  username: "Benutzername",
  usernameRule: "3 bis 32 aus a–z, 0–9, _ und -",
  passwordRule: "mindestens 8 Zeichen",
  haveAccount: "Ich habe ein Konto",
  needAccount: "Ich brauche ein Konto",
  upload: "Hochladen",
  chooseFiles: "Dateien auswählen oder hierher ziehen",
  pause: "Anhalten",
  resume: "Fortsetzen",
  remove: "Entfernen",
  done: "fertig",
  paused: "angehalten",
  left: "übrig",
  storage: "Speicher",
  bandwidth: "Bandbreite heute",
  of: "von",
  nothingHere: "Hier ist noch nichts.",
  search: "Suchen",
  title: "Titel",
  visibility: "Wer es sehen darf",
  private: "nur ich",
  unlisted: "wer den Link hat",
  public: "alle",
  save: "Speichern",
  delete: "In den Papierkorb",
  restore: "Wiederherstellen",
  deleteForGood: "Endgültig löschen",
  trash: "Papierkorb",
  more: "Mehr zeigen",
  watch: "Ansehen",
  copyLink: "Link kopieren",
  copied: "Kopiert",
  views: "Aufrufe",
  unplayable: "Dieser Film lässt sich nicht abspielen.",
  uploading: "wird hochgeladen",
  notFound: "Diese Seite gibt es nicht.",
  "error.invalid_credentials": "Adresse oder Passwort stimmt nicht.",
  "error.email_taken": "Zu dieser Adresse gibt es schon ein Konto.",
  "error.username_taken": "Diesen Benutzernamen gibt es schon.",
  "error.too_many_attempts": "Zu viele Versuche. Bitte kurz warten.",
  "error.quota_exceeded": "Der Platz reicht nicht.",
  "error.bandwidth_exceeded": "Die Bandbreite für heute ist aufgebraucht.",
  "error.file_exists": "Eine Datei mit diesem Namen gibt es schon.",
  "error.network": "Das Netz ist weg. Es geht weiter, sobald es wieder da ist.",
  "error.unavailable": "Der Dienst ist überlastet. Bitte noch einmal versuchen.",
  "error.not_found": "Dieses Video gibt es nicht.",
  "error.precondition_failed": "Es wurde inzwischen woanders geändert.",
  "error.unknown": "Etwas ist schiefgegangen.",
};

const texts = navigator.language.startsWith("de") ? german : english;
document.documentElement.lang = texts === german ? "de" : "en";

export function text(key: Key): string {
  return texts[key];
}

/** What a refusal's code means, in words. */
export function reason(code: string): string {
  const key = `error.${code}`;
  return key in texts ? texts[key as Key] : texts["error.unknown"];
}

/** Bytes as people read them. */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), units.length - 1);
  return new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit: units[power],
    unitDisplay: "short",
    maximumFractionDigits: 1,
  }).format(count / 1000 ** power);
}

/** A length as `1:05` or `1:02:03`. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, "0") : String(part))).join(":");
}
