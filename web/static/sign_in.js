// A code in the address' fragment stays in the browser: it is never sent in a URL nor written to a log.
function useCode() {
  const given = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!given) return;
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("code").value = given;
  document.getElementById("code-form").requestSubmit();
}

addEventListener("hashchange", useCode);
useCode();
