"""The framework objects of the two edges: database session and cross-site protection.

Services take a session as an argument; only views, jobs and the command line import this module.
"""

from flask_appbuilder import Model
from flask_appbuilder.models.sqla.base import SQLA
from flask_wtf.csrf import CSRFProtect

db = SQLA(model_class=Model)
csrf = CSRFProtect()
