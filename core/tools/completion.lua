-- completion.lua - prints bash completion for the program that runs it.
print(require 'avcl.cli'.parser():get_bash_complete())
