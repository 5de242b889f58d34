// The rules for the front end's sources; the words of the rules are eslint's own.
export default [
  {
    files: ['**/*.js'],
    languageOptions: { ecmaVersion: 2022, sourceType: 'module' },
    rules: {
      'array-callback-return': 'error',
      complexity: ['error', 14],
      curly: 'error',
      'default-case-last': 'error',
      eqeqeq: 'error',
      'max-depth': ['error', 3],
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', { max: 60, skipComments: true, skipBlankLines: true }],
      'max-params': ['error', 5],
      'no-constant-condition': 'error',
      'no-dupe-keys': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-shadow': 'error',
      'no-unreachable': 'error',
      'no-unused-vars': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'prefer-template': 'error'
    }
  }
];
