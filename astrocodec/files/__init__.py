"""What every door does with files: outputs that appear at once, parallel work, reports."""
