/** A reporter that prints the branch coverage of each folder in one line. */
module.exports = class {
  execute(context) {
    const folders = context.getTree('pkg').getRoot().getChildren();
    const parts = folders.map(folder => {
      const { pct } = folder.getCoverageSummary().branches;
      return `${folder.getRelativeName()} ${pct} %`;
    });
    console.log(`Branch coverage: ${parts.join(', ')}`);
  }
};
