# SPDX-License-Identifier: MIT
"""Where a person consents and types a PIN: a window, a terminal, or automatically.

The path of one question in the window:

1. An operation builds a question (``model``) and awaits a method of ``prompt.Prompt``.
2. ``window.WindowPrompt`` numbers it and writes it as a JSON line (``messages``) to the
   process that ``spawn`` started.
3. In that process ``gui.prompt_window`` reads the line and shows a page for it, such as
   ``gui.pin_page`` with its field.
4. The page emits ``answered``. The window writes the answer as a line (``messages``).
5. ``window.WindowPrompt`` reads the line on a thread and resolves the future that the
   operation awaits. A buffer that held digits is wiped at each step.
"""
