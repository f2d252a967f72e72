// Before the first paint: the colours and the language that the user chose, so that nothing flashes.
(function () {
  try {
    var settings = JSON.parse(localStorage.getItem('ondol.settings') || '{}');
    if (settings.theme === 'light' || settings.theme === 'dark') document.documentElement.dataset.theme = settings.theme;
    if (settings.language === 'ko') document.documentElement.lang = 'ko';
  } catch (error) {
    // Storage is denied: the system's colours it is.
  }
})();
