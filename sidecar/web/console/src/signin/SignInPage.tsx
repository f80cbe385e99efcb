import { useEffect, useState, type SyntheticEvent } from "react";
import { useLocation, useNavigate, useSearchParams } from "react-router";
import { createApi } from "../api/api";
import { type Problem, problemOf } from "../api/errors";
import { pathAfterSignIn } from "../api/signOut";
import { type Identity, readIdentity, storedIdentity, storeToken } from "../api/token";
import { Brand } from "../shell/Brand";
import { useTitle } from "../shell/Page";
import { ThemeSwitch } from "../shell/ThemeSwitch";
import { Button } from "../ui/Button";
import styles from "./SignInPage.module.css";
import { tokenFault } from "./tokenFault";

/**
 * Reads a token from its field or from `/signin#token=...`, checks it with the server, and signs in. A link signs in
 * with a click only: otherwise a stranger's link could sign a user in to the stranger's account unseen.
 */
export function SignInPage() {
  useTitle("Sign in");
  const [query] = useSearchParams();
  const location = useLocation();
  const navigate = useNavigate();
  const [token, setToken] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const [confirmation, setConfirmation] = useState<string | null>(null);
  const [isAsking, setIsAsking] = useState(false);

  const signIn = async (text: string): Promise<void> => {
    const candidate = text.trim().replace(/^bearer\s+/i, "");
    const found = tokenFault(candidate, readIdentity(candidate), Date.now());
    if (found !== null) {
      setFault(found);
      return;
    }
    setIsAsking(true);
    try {
      await createApi({ token: () => candidate }).audit.listSessions({ pageSize: 1 });
    } catch (error) {
      setFault(refusal(problemOf(error)));
      setIsAsking(false);
      return;
    }
    storeToken(candidate);
    await navigate(pathAfterSignIn(query.get("next")), { replace: true });
  };

  // A token in the fragment leaves the address bar and the history at once. It may also come while this page is open: a
  // browser does not load an address again of which only the fragment differs.
  useEffect(() => {
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given === null) {
      return;
    }
    void navigate({ pathname: location.pathname, search: location.search }, { replace: true });
    const present = storedIdentity();
    const next = readIdentity(given);
    setToken(given);
    if (next === null || (present?.subject === next.subject && present.project === next.project)) {
      void signIn(given); // not a token, which is reported; or the account that is signed in already
    } else if (present !== null && present.expiresMs > Date.now()) {
      setConfirmation(`You are signed in as ${nameOf(present)}. This link is for ${nameOf(next)}: sign in to change.`);
    } else {
      setConfirmation(`This link signs you in as ${nameOf(next)}. Continue only if you know its maker.`);
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- for each fragment once
  }, [location.hash]);

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    void signIn(token);
  };

  return (
    <main className={styles.page}>
      <form className={styles.card} onSubmit={submit}>
        <header className={styles.head}>
          <Brand />
          <ThemeSwitch />
        </header>
        <h1>Sign in</h1>
        {query.get("reason") === "expired" ? (
          <p className={styles.reason} role="status">
            Your token has expired. Sign in with a new one; you will return to the same page.
          </p>
        ) : null}
        {confirmation === null ? null : (
          <p className={styles.reason} role="status">
            {confirmation}
          </p>
        )}
        <label className={styles.field}>
          <span>Token</span>
          <textarea
            value={token}
            onChange={(event) => {
              setToken(event.target.value);
              setFault(null);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter" && !event.shiftKey) {
                submit(event);
              }
            }}
            rows={4}
            spellCheck={false}
            autoComplete="off"
            autoFocus
            aria-invalid={fault !== null}
            aria-describedby="token-help"
          />
        </label>
        {fault === null ? null : (
          <p className={styles.fault} role="alert">
            {fault}
          </p>
        )}
        <Button kind="primary" type="submit" disabled={isAsking || token.trim() === ""}>
          {isAsking ? "Asking the server …" : "Sign in"}
        </Button>
        <div id="token-help" className={styles.help}>
          <p>
            On your own machine, <code>make run</code> prints a link to sign in with; <code>afterimage token</code>{" "}
            makes a token:
          </p>
          <pre>.venv/bin/afterimage token --scope view --scope share</pre>
          <p>
            In production it is a JWT of your identity provider with the scope <code>view</code>. It stays in this tab
            and ends with it.
          </p>
        </div>
      </form>
    </main>
  );
}

function nameOf(identity: Identity): string {
  return `${identity.subject} in project ${identity.project}`;
}

function refusal(problem: Problem): string {
  switch (problem.kind) {
    case "signed-out":
      return "The server does not accept this token: it may come from another installation, or its secret has changed.";
    case "forbidden":
      return "The token is valid, but does not allow viewing sessions: it needs the scope view.";
    default:
      return `${problem.title}. ${problem.advice}`;
  }
}
