// Before the first paint: the colours and the language that the user chose, so that nothing flashes.
(function () {
  var settings = {};
  try {
    settings = JSON.parse(localStorage.getItem('ondol.settings')) || {};
  } catch (error) {
    // Storage is denied: the system's colours it is.
  }
  var dark = matchMedia('(prefers-color-scheme: dark)').matches;
  var chosen = settings.theme === 'light' || settings.theme === 'dark';
  document.documentElement.dataset.theme = chosen ? settings.theme : dark ? 'dark' : 'light';
  if (settings.language === 'ko') document.documentElement.lang = 'ko';
})();
