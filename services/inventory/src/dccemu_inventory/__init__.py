"""dccemu-inventory: the Smart Metering Inventory, registration data, Parties and Users."""
