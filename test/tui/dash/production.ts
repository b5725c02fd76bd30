// React and Ink as they run at the user's: whoever loads this before them gets their quick build.

process.env['NODE_ENV'] = 'production';
