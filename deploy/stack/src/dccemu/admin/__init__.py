"""The admin port: everything unreal, under one roof."""
