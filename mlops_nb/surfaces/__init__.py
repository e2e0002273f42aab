"""Where people meet the verbs: terminal, magic, REST, widgets. Nothing here knows a noun by heart."""
