// Starts the page. It imports nothing before: where one module is missing, or is of another build, none of those that import it runs.

import("./view.js").then(
  () => sessionStorage.removeItem("wachat reloaded"),
  (error) => {
    console.error(error);
    return import("./reload.js");
  },
);
